import assert from "node:assert/strict";
import { test } from "node:test";
import { type Layer, choicesOf, firstOf, rowsOf } from "./gates.ts";

const LAYER = {
  layer: 0,
  units: [0],
  gates: { hidden: [[0.25]], write: [[0.5]] },
  hidden: [[1]],
  cell: null,
  states: [
    { name: "m", rows: [[2]] },
    { name: "n", rows: [[3]] },
  ],
} as unknown as Layer;

test("gates, the hidden state and every other state can be shown", () => {
  const choices = choicesOf(LAYER);
  assert.deepEqual(
    choices.map((one) => one.text),
    ["hidden gate", "write gate", "hidden state", "state m", "state n"],
  );
  const rows = choices.map((one) => rowsOf(LAYER, one.value));
  assert.deepEqual(rows, [[[0.25]], [[0.5]], [[1]], [[2]], [[3]]], "also of a gate that is called as something else");
});

test("an update gate is shown first, or another gate, or the hidden state", () => {
  assert.equal(firstOf(LAYER), "hidden");
  assert.equal(firstOf({ ...LAYER, gates: { reset: [[0]], update: [[0]] } }), "update");
  assert.equal(rowsOf(LAYER, firstOf({ ...LAYER, gates: null }))[0]![0], 1);
});
