/** From the curves of runs to the lines of a chart. */
import type { Evaluation, RunCurve } from "./api";

export type Measure =
  | ("validation_perplexity" | "train_perplexity" | "validation_loss")
  | ("train_loss" | "bits_per_character" | "learning_rate");

export const MEASURES: readonly { value: Measure; name: string }[] = [
  { value: "validation_perplexity", name: "validation perplexity" },
  { value: "train_perplexity", name: "training perplexity" },
  { value: "validation_loss", name: "validation loss (nats)" },
  { value: "train_loss", name: "training loss (nats)" },
  { value: "bits_per_character", name: "bits per character" },
  { value: "learning_rate", name: "learning rate" },
];

/** The values of a curve; perplexity is the exponential of the loss. */
export function valuesOf(curve: RunCurve, measure: Measure): (number | null)[] {
  switch (measure) {
    case "validation_perplexity":
      return curve.validation_loss.map(exponential);
    case "train_perplexity":
      return curve.train_loss.map(exponential);
    default:
      return curve[measure];
  }
}

/** The x-axis of evaluations: epochs, or steps if there are several evaluations in an epoch. */
export function placed(curves: readonly { epoch: readonly number[]; step: readonly number[] }[]): "epoch" | "step" {
  return curves.some(({ epoch }) => epoch.some((value, at) => at > 0 && value <= epoch[at - 1]!)) ? "step" : "epoch";
}

function exponential(loss: number | null): number | null {
  const value = loss === null ? null : Math.exp(loss);
  return value !== null && Number.isFinite(value) ? value : null;
}

/** All x of `series` in order, and the values of each series there; undefined if a series has no point at x. */
export function aligned(series: readonly { x: readonly number[]; y: readonly (number | null)[] }[]): {
  x: number[];
  ys: (number | null | undefined)[][];
} {
  const x = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const at = new Map(x.map((value, index) => [value, index]));
  const ys = series.map((one) => {
    const row = new Array<number | null | undefined>(x.length).fill(undefined);
    one.x.forEach((value, index) => (row[at.get(value)!] = one.y[index]));
    return row;
  });
  return { x, ys };
}

/** Places of values without neighbours: a line through them has no length, so only a point can show them. */
export function lone(y: readonly (number | null | undefined)[]): number[] {
  const known = [...y.keys()].filter((at) => y[at] !== undefined);
  const isGap = (place: number): boolean => place < 0 || place >= known.length || y[known[place]!] === null;
  return known.filter((at, place) => y[at] !== null && isGap(place - 1) && isGap(place + 1));
}

/** Converts a measure of loss to nats, in which a difference has the same meaning at every level. */
export function natsOf(value: number, perplexity: boolean): number {
  return perplexity ? Math.log(value) : value;
}

/**
 * The bound above which values are left out of a shared scale; null if no value is left out.
 *
 * All measures are losses of a kind, and diverging runs go up. The lower quartile defines the ordinary range, so
 * that the learning runs can be distinguished even if most runs diverge.
 *
 * @param nats the values, in any order
 * @param room how far above the lower quartile a value always counts as ordinary, in nats
 */
export function ceiling(nats: readonly number[], room: number): number | null {
  const sorted = nats.toSorted((a, b) => a - b);
  if (!sorted.length) return null;
  const quarter = sorted[Math.floor((sorted.length - 1) / 4)]!;
  const bound = quarter + Math.max(room, 3 * (quarter - sorted[0]!));
  return sorted.at(-1)! > bound ? bound : null;
}

/** Name of a gate -> its mean, and the shares of its activations near 0 and near 1. */
export type GateFigures = NonNullable<Evaluation["gates"]>[number];

/** Adds an evaluation at the end of a curve. An evaluation that it already has changes nothing. */
export function extend(curve: RunCurve, told: Evaluation): boolean {
  if ((curve.step.at(-1) ?? 0) >= told.step) return false;
  curve.epoch.push(told.epoch);
  curve.step.push(told.step);
  curve.train_loss.push(told.train_loss);
  curve.validation_loss.push(told.validation_loss);
  curve.bits_per_character.push(told.bits_per_character);
  curve.learning_rate.push(told.learning_rate);
  curve.seconds.push(told.seconds);
  curve.tokens_per_second.push(told.tokens_per_second);
  return true;
}
