import assert from "node:assert/strict";
import { test } from "node:test";
import { eventReader } from "./sse.ts";

const STREAM = 'data: {"text":"a"}\n\n: ping\n\ndata: one\ndata: two\n\nevent: done\r\ndata: {}\r\n\r\ndata: not ended';

test("however a stream is cut into pieces, its events are the same", () => {
  const whole = eventReader()(STREAM);
  assert.deepEqual(whole, [
    { type: "message", data: '{"text":"a"}' },
    { type: "message", data: "one\ntwo" },
    { type: "done", data: "{}" },
  ]);
  for (let size = 1; size < STREAM.length; size += 1) {
    const read = eventReader();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...read(STREAM.slice(at, at + size)));
    assert.deepEqual(found, whole, `pieces of ${size}`);
  }
});
