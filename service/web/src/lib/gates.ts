/** What the gates of a run do while it reads a text, and what is held of them. */
import { type Gates, type GatesRequest, api, data } from "./api";
import { type Hold, type Rows, clampsOf } from "./holds";

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

/** The rows of what is shown of a layer: a gate, the hidden state, or an LSTM's cell. */
export function rowsOf(layer: Layer, what: string): Rows {
  if (what === "hidden") return layer.hidden ?? [];
  if (what === "cell") return layer.cell ?? [];
  return layer.gates?.[what] ?? [];
}
