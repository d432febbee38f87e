import assert from "node:assert/strict";
import { test } from "node:test";
import { type Hold, liveliest, toggled } from "./holds.ts";

const HOLD: Hold = { gate: "update", at: 3, value: 1, layer: 0, unit: null };

test("the same hold twice is none, and another value takes the place of the first", () => {
  assert.deepEqual(toggled([], HOLD), [HOLD]);
  assert.deepEqual(toggled([HOLD], HOLD), []);
  assert.deepEqual(toggled([HOLD], { ...HOLD, value: 0 }), [{ ...HOLD, value: 0 }]);
  assert.equal(toggled([HOLD], { ...HOLD, unit: 2 }).length, 2);
});

test("of many units those that vary most are shown, in their order", () => {
  const rows = [
    [0, 0.5, 0.1, 0],
    [1, 0.5, 0.4, 0.1],
  ];
  assert.deepEqual(liveliest(rows, 2), [0, 2]);
  assert.deepEqual(liveliest(rows, 9), [0, 1, 2, 3]);
});
