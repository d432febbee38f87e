import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobEvent } from "./api.ts";
import { current, patched } from "./patch.ts";

const EVALUATION = {
  ...{ type: "evaluation", run: "r", step: 40, epoch: 4, total_steps: 40, tokens_per_second: 900 },
  ...{ train_loss: 1.6, validation_loss: null, test_loss: 1.9, bits_per_character: 2.5, test_bits_per_character: 2.8 },
  ...{ train_perplexity: 5, validation_perplexity: null, test_perplexity: 7, learning_rate: 0.5, seconds: 4 },
} as const;
/** An event with what matters of it. */
const told = (event: object) => event as JobEvent;
const RUN = {
  ...{ id: "r", state: "running", step: 1, epoch: 0, total_steps: null, error: null, sample: null, parameters: 12 },
  metrics: { validation_perplexity: 9, seconds: 3, test_perplexity: null, tokens_per_second: 1, vocabulary: 30 },
} as never;

test("all that an evaluation says reaches the run, and what it is silent about stays", () => {
  const { metrics, ...run } = current<any>(RUN, patched(undefined, told(EVALUATION)));
  assert.deepEqual(metrics, {
    ...{ train_loss: 1.6, validation_loss: null, test_loss: 1.9, learning_rate: 0.5, vocabulary: 30 },
    ...{ train_perplexity: 5, validation_perplexity: null, bits_per_character: 2.5, seconds: 4 },
    ...{ test_perplexity: 7, test_bits_per_character: 2.8, tokens_per_second: 900 },
  });
  assert.deepEqual([run.step, run.epoch, run.total_steps, run.parameters], [40, 4, 40, 12]);
});

test("later events add to earlier ones", () => {
  let patch = patched(undefined, told(EVALUATION));
  patch = patched(patch, told({ type: "sample", run: "r", step: 40, epoch: 4, prefix: "it ", text: "is" }));
  patch = patched(
    patch,
    told({
      type: "progress",
      run: "r",
      step: 50,
      epoch: 4,
      train_loss: 9,
      tokens_per_second: 800,
      learning_rate: null,
    }),
  );
  patch = patched(
    patch,
    told({ type: "run_failed", run: "r", step: 50, state: "failed", error: { type: "diverged" } }),
  );
  const run = current<any>(RUN, patch);
  assert.deepEqual([run.state, run.error.type, run.sample, run.step], ["failed", "diverged", "it is", 50]);
  assert.deepEqual([run.metrics.test_perplexity, run.metrics.tokens_per_second], [7, 800]);
  assert.deepEqual([run.metrics.train_loss, run.metrics.learning_rate], [1.6, 0.5], "a step is not an evaluation");
});

test("a damaged checkpoint takes the run back, and events of the job change no run", () => {
  const corrupt = { type: "checkpoint_corrupt", run: "r", step: 30, resumed_from: 20 };
  assert.equal(current<any>(RUN, patched(undefined, told(corrupt))).step, 20);
  assert.deepEqual(patched({ step: 5 }, told({ type: "job_finished", state: "succeeded" })), { step: 5 });
});
