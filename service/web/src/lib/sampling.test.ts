import assert from "node:assert/strict";
import { test } from "node:test";
import { howAll, howChosen, temperatureIn } from "./sampling.ts";

test("a sample at temperature 0 is called greedy", () => {
  assert.match(howChosen(0), /^Greedy: /);
  assert.equal(howChosen(0.6), "Sampled at temperature 0.6.");
  assert.match(howAll([0, 0]), /^Greedy: /);
  assert.match(howAll([0, 0.6, 0]), /^2 of these are greedy/);
  assert.equal(howAll([null, 0.6]), "");
});

test("the temperature of a sample is found in its spec, or in what its grid changes", () => {
  const spec = { training: { sample: { temperature: 0.5 } } };
  assert.equal(temperatureIn(spec, {}), 0.5);
  assert.equal(temperatureIn(spec, { "training.sample.temperature": 1 }), 1);
  assert.equal(temperatureIn(spec, { "training.sample": { prefix: "a" } }), 0);
  assert.equal(temperatureIn({}, {}), 0);
  assert.equal(temperatureIn(null, {}), null);
});
