/** What the events of a job change in a run, from when it was fetched. */
import type { Run, State } from "./api";

type Figures = Run["metrics"];
export type Patch = Partial<Pick<Run, (typeof FIELDS)[number] | "sample">> & { metrics?: Partial<Figures> };

/** What an event of a job may say of a run: fields that the run itself has, and the two parts of a sample. */
export type Told = Partial<Pick<Run, (typeof FIELDS)[number]> & Figures> & {
  run: string;
  prefix?: string;
  text?: string;
};

const FIELDS = ["state", "step", "total_steps", "epoch", "error"] as const;
/** The compiler sees that none is missing. */
const FIGURES = Object.keys({
  ...{ train_perplexity: 0, validation_perplexity: 0, test_perplexity: 0 },
  ...{ bits_per_character: 0, test_bits_per_character: 0, seconds: 0, tokens_per_second: 0 },
  ...{ learning_rate: 0, ended_by: 0 },
  ...{ trained_together: 0, vocabulary: 0, validation_tokens: 0, test_tokens: 0, warnings: 0 },
} satisfies Record<keyof Figures, 0>) as (keyof Figures)[];

/** `before`, and everything that the event says of a run. */
export function patched(before: Patch | undefined, told: Told): Patch {
  const patch: Record<string, unknown> = { ...before };
  for (const name of FIELDS) if (told[name] !== undefined && told[name] !== null) patch[name] = told[name];
  if (told.text !== undefined) patch.sample = (told.prefix ?? "") + told.text;
  // One that is null is not finite: that is news, too.
  const figures = FIGURES.filter((name) => told[name] !== undefined);
  if (figures.length) {
    const metrics = Object.fromEntries(figures.map((name) => [name, told[name]]));
    patch.metrics = { ...before?.metrics, ...metrics };
  }
  return patch as Patch;
}

/** The run as it is now. What no event says stays as it was fetched. */
export function current<Known extends Run>(run: Known, patch: Patch | undefined): Known {
  return { ...run, ...patch, metrics: { ...run.metrics, ...patch?.metrics } };
}

const ENDED: readonly State[] = ["succeeded", "failed", "cancelled"];

export function hasEnded(state: State): boolean {
  return ENDED.includes(state);
}
