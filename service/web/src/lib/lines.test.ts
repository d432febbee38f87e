import assert from "node:assert/strict";
import { test } from "node:test";
import { aligned, extend, valuesOf } from "./lines.ts";

const curve = () => ({
  ...{ run: "r", index: 0, epoch: [1], step: [10], seconds: [1], tokens_per_second: [5] },
  ...{ train_loss: [2], validation_loss: [1000], bits_per_character: [3] },
});
const told = {
  ...{ run: "r", step: 20, epoch: 2, train_perplexity: Math.E, validation_perplexity: null },
  ...{ bits_per_character: 2, tokens_per_second: 6 },
};

test("curves of different places share one axis", () => {
  const { x, ys } = aligned([
    { x: [1, 3], y: [10, 30] },
    { x: [2, 3], y: [null, 7] },
  ]);
  assert.deepEqual(x, [1, 2, 3]);
  assert.deepEqual(ys, [
    [10, undefined, 30],
    [undefined, null, 7],
  ]);
});

test("an evaluation is added once, however often it is told", () => {
  const one = curve();
  assert.equal(extend(one, told), true);
  assert.equal(extend(one, told), false);
  assert.deepEqual(
    [one.epoch, one.train_loss, one.validation_loss],
    [
      [1, 2],
      [2, 1],
      [1000, null],
    ],
  );
});

test("a perplexity that is no number is none", () => {
  assert.deepEqual(valuesOf(curve(), "validation_perplexity"), [null]);
  assert.deepEqual(valuesOf(curve(), "validation_loss"), [1000]);
});
