/** The changes that a job's events make to a run after it was fetched. */
import type { Evaluation, JobEvent, Run, State } from "./api";

type Figures = Run["metrics"];
type Facts = Pick<Run, "state" | "step" | "total_steps" | "epoch" | "error" | "sample">;
export type Patch = Partial<Facts> & { metrics?: Partial<Figures> };

/** The fields that an evaluation and the figures of a run have in common. The compiler checks that none is missing. */
const FIGURES = Object.keys({
  ...{ train_loss: 0, validation_loss: 0, test_loss: 0, bits_per_character: 0, test_bits_per_character: 0 },
  ...{ train_perplexity: 0, validation_perplexity: 0, test_perplexity: 0 },
  ...{ learning_rate: 0, tokens_per_second: 0, seconds: 0 },
} satisfies Record<keyof Figures & keyof Evaluation, 0>) as (keyof Figures & keyof Evaluation)[];

/** `before`, with everything that the event says about the run. */
export function patched(before: Patch | undefined, event: JobEvent): Patch {
  const patch: Patch = { ...before };
  switch (event.type) {
    case "run_started":
    case "state":
    case "run_succeeded":
    case "run_failed":
    case "run_cancelled":
      return { ...patch, state: event.state, step: event.step, ...(event.error && { error: event.error }) };
    case "progress":
      return { ...placed(patch, event), metrics: { ...patch.metrics, ...known(event) } };
    case "evaluation":
      // Null means that the number is not finite, which is news, too.
      return { ...placed(patch, event), metrics: { ...patch.metrics, ...figures(event) } };
    case "sample":
      return { ...placed(patch, event), sample: event.prefix + event.text };
    case "checkpoint_corrupt":
      return { ...patch, step: event.resumed_from };
    case "compiling":
    case "job_created":
    case "job_finished":
      return patch;
    default:
      event satisfies never;
      return patch;
  }
}

function placed(patch: Patch, at: { step: number; epoch: number; total_steps?: number | null }): Patch {
  const { step, epoch, total_steps } = at;
  return { ...patch, step, epoch, ...(total_steps && { total_steps }) };
}

/** The figures of a step, as far as they exist. */
function known(event: Extract<JobEvent, { type: "progress" }>): Partial<Figures> {
  const { learning_rate, tokens_per_second } = event;
  return { ...(learning_rate !== null && { learning_rate }), ...(tokens_per_second !== null && { tokens_per_second }) };
}

function figures(event: Evaluation): Partial<Figures> {
  return Object.fromEntries(FIGURES.map((name) => [name, event[name]]));
}

/** The run as it is now. Fields that no event mentions stay as they were fetched. */
export function current<Known extends Run>(run: Known, patch: Patch | undefined): Known {
  return { ...run, ...patch, metrics: { ...run.metrics, ...patch?.metrics } };
}

const ENDED: readonly State[] = ["succeeded", "failed", "cancelled"];

export function hasEnded(state: State): boolean {
  return ENDED.includes(state);
}
