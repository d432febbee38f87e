/** The job that compares a cell with a GRU and an LSTM. */
import { type Draft, LEAST_SEEDS } from "./cells.ts";
import { type Form, emptyForm, rowOf } from "./spec.ts";

/** A grid of three cells of the same size, each trained with the smallest number of seeds that a comparison needs. */
export function jobBeside({ name: given, hidden: size, equations }: Draft, corpus: string): Form {
  const name = given.trim();
  const hidden = size ?? 32;
  const own = { kind: "equations", ...(name ? { name } : {}), hidden, equations };
  const word = name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "") || "cell";
  return {
    ...emptyForm(corpus),
    ...{ name: `${word}-beside-gru-and-lstm`, hidden, repeats: LEAST_SEEDS },
    grid: [rowOf("model.cell", [{ kind: "gru", hidden }, { kind: "lstm", hidden }, own])],
  };
}
