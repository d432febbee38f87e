import assert from "node:assert/strict";
import { test } from "node:test";
import { carriers, heights, inWords } from "./influence.ts";

const inputs = (...norms: (number | null)[]) => norms.map((norm, at) => ({ at, token: "abcdefghijkl"[at]!, norm }));
const words = (...norms: (number | null)[]) => inWords(inputs(...norms), (token) => token);

test("what alone counts is said", () => {
  assert.equal(words(0, 0, 0, 0, 0.7, 0, 0), "Only step 4 (e) has any influence.");
  assert.equal(words(0, 2, 0, 1, 0), "Only steps 1 (b), 3 (d) have any influence.");
  assert.equal(words(0, 0), "No input has any influence.");
});

test("the few that carry nearly all are named with their share", () => {
  assert.equal(words(0.01, 0.02, 9, 0.02), "Step 2 (c) carries 99 % of all influence.");
  assert.equal(words(0.1, 3, 0.1, 6, 0.1), "Steps 1 (b), 3 (d) carry 96 % of all influence.");
  assert.equal(words(1, 1, 1, 1, 1, 1, 1), "The influence is spread over many steps.");
  assert.equal(carriers(inputs(1, 1, 1, 1, 1, 1)), null);
  assert.equal(words(1, null), "Some influences are not finite numbers.");
});

test("zero has no height on any scale, and the smallest that is not zero has one", () => {
  assert.deepEqual(heights([0, 1, 4, null], false), [0, 0.25, 1, null]);
  const [zero, least, middle, greatest] = heights([0, 1e-12, 1e-6, 1], true);
  assert.deepEqual([zero, least, greatest], [0, 0.05, 1]);
  assert.ok(Math.abs(middle! - 0.525) < 1e-9);
  assert.deepEqual(heights([0, 0.3], true), [0, 1]);
  assert.deepEqual(heights([0, 0], true), [0, 0]);
});
