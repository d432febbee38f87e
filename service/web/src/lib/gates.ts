/** The gates of a run while it reads a text, and the held ones. */
import { type Gates, type GatesRequest, api, data } from "./api.ts";
import { type Hold, type Rows, clampsOf } from "./holds.ts";

export async function look(model: string, text: string, holds: readonly Hold[], output: number | null): Promise<Gates> {
  const [run, step] = model.split("@");
  const body = {
    ...{ text, clamp: clampsOf(holds) },
    ...(step ? { checkpoint: Number(step) } : {}),
    ...(output === null ? {} : { influence: { output } }),
  } as GatesRequest;
  return (await data(api.POST("/v1/runs/{run}/gates", { params: { path: { run: run! } }, body }))) as Gates;
}

export type Layer = Gates["layers"][number];

const [HIDDEN, CELL, STATE] = ["/hidden", "/cell", "/state "] as const;

/** The parts of a layer that can be shown: gates by their names, the others by a word that is not a gate's name. */
export function choicesOf(layer: Layer): { value: string; text: string }[] {
  return [
    ...gatesOf(layer).map((name) => ({ value: name, text: `${name} gate` })),
    { value: HIDDEN, text: "hidden state" },
    ...(layer.cell ? [{ value: CELL, text: "cell state" }] : []),
    ...(layer.states ?? []).map(({ name }) => ({ value: `${STATE}${name}`, text: `state ${name}` })),
  ];
}

export function gatesOf(layer: Layer): string[] {
  return Object.keys(layer.gates ?? {});
}

/** The part that is shown first: the update gate, or another gate, or the hidden state. */
export function firstOf(layer: Layer): string {
  const names = gatesOf(layer);
  return names.find((name) => name === "update") ?? names[0] ?? HIDDEN;
}

/** The rows of what is shown of a layer: a gate, the hidden state, an LSTM's cell, or another state. */
export function rowsOf(layer: Layer, what: string): Rows {
  if (what === HIDDEN) return layer.hidden ?? [];
  if (what === CELL) return layer.cell ?? [];
  if (!what.startsWith(STATE)) return layer.gates?.[what] ?? [];
  return layer.states?.find((state) => state.name === what.slice(STATE.length))?.rows ?? [];
}
