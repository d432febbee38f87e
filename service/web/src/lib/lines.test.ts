import assert from "node:assert/strict";
import { test } from "node:test";
import type { Evaluation } from "./api.ts";
import { aligned, ceiling, extend, lone, placed, valuesOf } from "./lines.ts";

const curve = () => ({
  ...{ run: "r", index: 0, epoch: [1], step: [10], seconds: [1], tokens_per_second: [5] },
  ...{ train_loss: [2], validation_loss: [1000], bits_per_character: [3], learning_rate: [0.5] },
});
const told = {
  ...{ type: "evaluation", run: "r", step: 20, epoch: 2, train_loss: 1, validation_loss: 1e6 },
  ...{ bits_per_character: 2, tokens_per_second: 6, learning_rate: 0.25 },
} as Evaluation;

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

test("an evaluation is added once, however often it is sent", () => {
  const one = curve();
  assert.equal(extend(one, told), true);
  assert.equal(extend(one, told), false);
  assert.deepEqual(
    [one.learning_rate, one.epoch, one.train_loss, one.validation_loss],
    [
      [0.5, 0.25],
      [1, 2],
      [2, 1],
      [1000, 1e6],
    ],
  );
});

test("several evaluations in an epoch are drawn over steps", () => {
  assert.equal(placed([{ epoch: [1, 2, 3], step: [10, 20, 30] }, curve()]), "epoch");
  assert.equal(placed([curve(), { epoch: [0, 0, 1], step: [4, 8, 12] }]), "step");
});

test("a perplexity that is not a number is left out", () => {
  assert.deepEqual(valuesOf(curve(), "validation_perplexity"), [null]);
  assert.deepEqual(valuesOf(curve(), "validation_loss"), [1000]);
});

test("a point between gaps is alone, one beside places of other lines is not", () => {
  assert.deepEqual(lone([null, 2, null, 3, 4]), [1]);
  assert.deepEqual(lone([5]), [0]);
  assert.deepEqual(lone([undefined, 5, undefined]), [1]);
  assert.deepEqual(lone([1, undefined, 2, undefined]), []);
  assert.deepEqual(lone([1, undefined, null, 2]), [0, 3]);
  assert.deepEqual(lone([null, undefined]), []);
});

test("what diverged does not stretch the scale, even where most did", () => {
  const good = [1.6, 1.7, 1.8, 2, 3.3];
  assert.equal(ceiling(good, 4), null);
  assert.equal(ceiling([], 4), null);
  for (const diverged of [[70], [30, 70, 700], [20, 30, 40, 50, 60, 70, 80, 90, 700]]) {
    const bound = ceiling([...diverged, ...good], 4);
    assert.ok(bound !== null && bound > 3.3 && bound < 20, `${diverged}`);
  }
  assert.equal(
    ceiling(
      good.map((value) => value + 100),
      4,
    ),
    null,
    "all of them alike",
  );
});
