import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, duration, number, percent, visible } from "./format.ts";

test("numbers have four digits and no zeros behind", () => {
  const told = [4.567891, 12, 0.003, 1234.5678, 99999, 250_000, 1.6e6, 2e9, 1.07e13, 1e120, 1e-9, null, NaN].map(
    (value) => number(value),
  );
  assert.deepEqual(told, [
    "4.568",
    "12",
    "0.003",
    "1235",
    "99999",
    "250 k",
    "1.6 M",
    "2 G",
    "1.07e13",
    "1e120",
    "1e-9",
    "–",
    "–",
  ]);
});

test("durations are shown in the units that people use", () => {
  const told = [0.042, 1.42, 12.3, 185, 7805, 260_000, null].map(duration);
  assert.deepEqual(told, ["42 ms", "1.4 s", "12 s", "3 min 5 s", "2 h 10 min", "3 days", "–"]);
});

test("sizes, shares and moments", () => {
  assert.deepEqual([0, 999, 58_500, 4e6].map(bytes), ["0 bytes", "999 bytes", "58.5 kB", "4.00 MB"]);
  assert.deepEqual([0, 0.0004, 0.034, 0.5, 1].map(percent), ["0.0 %", "<0.1 %", "3.4 %", "50 %", "100 %"]);
  const now = Date.parse("2026-01-01T12:00:00Z");
  assert.equal(ago("2026-01-01T11:59:58Z", now), "just now");
  assert.equal(ago("2026-01-01T11:15:00Z", now), "45 min ago");
});

test("characters that cannot be seen have signs", () => {
  assert.deepEqual([" ", "\n", "a", "\u0007", "ä"].map(visible), ["␣", "↵", "a", "U+0007", "ä"]);
});
