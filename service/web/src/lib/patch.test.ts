import assert from "node:assert/strict";
import { test } from "node:test";
import { current, patched } from "./patch.ts";

const EVALUATION = {
  ...{ run: "r", step: 40, epoch: 4, total_steps: 40, tokens_per_second: 900 },
  ...{ train_perplexity: 5, validation_perplexity: null, bits_per_character: 2.5 },
  ...{ test_perplexity: 7, test_bits_per_character: 2.8 },
};
const RUN = {
  ...{ id: "r", state: "running", step: 1, epoch: 0, total_steps: null, error: null, sample: null, parameters: 12 },
  metrics: { validation_perplexity: 9, seconds: 3, test_perplexity: null, tokens_per_second: 1 },
} as never;

test("all that an evaluation says reaches the run, and what it is silent about stays", () => {
  const { metrics, ...run } = current<any>(RUN, patched(undefined, EVALUATION));
  assert.deepEqual(metrics, {
    ...{ train_perplexity: 5, validation_perplexity: null, bits_per_character: 2.5, seconds: 3 },
    ...{ test_perplexity: 7, test_bits_per_character: 2.8, tokens_per_second: 900 },
  });
  assert.deepEqual([run.step, run.epoch, run.total_steps, run.parameters], [40, 4, 40, 12]);
});

test("later events add to earlier ones", () => {
  let patch = patched(undefined, EVALUATION);
  patch = patched(patch, { run: "r", step: 40, epoch: 4, prefix: "it ", text: "is" });
  patch = patched(patch, { run: "r", step: 50, epoch: 4, tokens_per_second: 800 });
  patch = patched(patch, { run: "r", state: "failed", error: { type: "diverged", message: "the loss is nan" } });
  const run = current<any>(RUN, patch);
  assert.deepEqual([run.state, run.error.type, run.sample, run.step], ["failed", "diverged", "it is", 50]);
  assert.deepEqual([run.metrics.test_perplexity, run.metrics.tokens_per_second], [7, 800]);
});
