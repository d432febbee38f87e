/** The grid of a job: the values of its runs, and their measurements, over any two of its paths. */

export type Grid = Readonly<Record<string, readonly unknown[]>>;

export interface Axis {
  path: string;
  name: string;
  values: readonly unknown[];
  labels: readonly string[];
}

/** The paths of the grid, each with its values in their order. */
export function axesOf(grid: Grid): Axis[] {
  const names = shortNames(Object.keys(grid));
  return Object.entries(grid).map(([path, values]) => ({
    path,
    name: names.get(path) ?? path,
    values,
    labels: labelsOf(values),
  }));
}

/** The number of points of the grid. There can be fewer runs, since runs with equal values are left out. */
export function pointsOf(axes: readonly Axis[]): number {
  return axes.reduce((product, axis) => product * axis.values.length, 1);
}

/** For each axis, the places of the values that some run has: a value that is listed twice is run once. */
export function presentOf(indexes: readonly number[], axes: readonly Axis[], repeats: number): number[][] {
  const found = axes.map(() => new Set<number>());
  for (const index of indexes) placeOf(index, axes, repeats).forEach((at, axis) => found[axis]!.add(at));
  return found.map((places) => [...places].sort((a, b) => a - b));
}

/** The place of the run at `index` on each axis. The last path changes fastest, and repeats faster still. */
export function placeOf(index: number, axes: readonly Axis[], repeats: number): number[] {
  let point = Math.floor(index / repeats);
  const place: number[] = [];
  for (const axis of axes.toReversed()) {
    place.unshift(point % axis.values.length);
    point = Math.floor(point / axis.values.length);
  }
  return place;
}

/** `hidden=32, lr=1, repeat 2`; empty if the job has only one run. */
export function runLabel(index: number, axes: readonly Axis[], repeats: number): string {
  const values = placeOf(index, axes, repeats).map((at, axis) => {
    const { name, labels } = axes[axis]!;
    return axes.length === 1 ? labels[at]! : `${name}=${labels[at]}`;
  });
  if (repeats > 1) values.push(`repeat ${(index % repeats) + 1}`);
  return values.join(", ");
}

/** Path -> its last field, or as much of its end as distinguishes it from the others. */
export function shortNames(paths: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const path of paths) {
    const fields = path.split(".");
    const tails = fields.map((_, from) => fields.slice(fields.length - 1 - from).join("."));
    const alone = tails.find((tail) => !paths.some((other) => other !== path && `.${other}`.endsWith(`.${tail}`)));
    names.set(path, alone ?? path);
  }
  return names;
}

/** A value of a spec in few words: `32`, `reset+update`, `none`, `off`, `gru hidden=32`. Equations go by their name. */
export function label(value: unknown): string {
  if (value === null || value === undefined) return "off";
  if (Array.isArray(value)) return value.map(label).join("+") || "none";
  if (typeof value !== "object") return String(value);
  const { kind, ...rest } = value as Record<string, unknown>;
  const { name, equations: _, ...others } = rest;
  const fields = Object.entries(kind === "equations" ? others : rest).map(
    ([field, inner]) => `${field}=${label(inner)}`,
  );
  return (kind ? [cellName({ kind, name }), ...fields] : fields).join(" ");
}

/** The name of a cell, or of anything with a kind: its kind, or the name that its author gave to its equations. */
export function cellName(cell: { kind?: unknown; name?: unknown } | null | undefined): string {
  return String((cell?.kind === "equations" && cell.name) || (cell?.kind ?? "cell"));
}

/** Different values with equal labels are numbered: two cells without a name are `equations` and `equations (2)`. */
function labelsOf(values: readonly unknown[]): string[] {
  const labels = values.map(label);
  const texts = values.map((value) => JSON.stringify(value));
  return labels.map((own, at) => {
    const alike = new Set(texts.filter((_, other) => labels[other] === own));
    const number = [...alike].indexOf(texts[at]!) + 1;
    return number > 1 ? `${own} (${number})` : own;
  });
}

export interface Measured {
  index: number;
  run: string;
  /** Null: no value yet, or no finite number. */
  value: number | null;
  /** Why the value is not a result: `diverged`, `not finite`, or `failed`. */
  failed?: string | null;
}

export interface Cell {
  mean: number | null;
  runs: Measured[];
}

/**
 * The cells of rows × columns at the values that `fixed` has for all other axes.
 *
 * Repeats are averaged, without those that failed. Values that no run has get neither a row nor a column.
 */
export function cellsOf(
  measured: readonly Measured[],
  axes: readonly Axis[],
  repeats: number,
  rows: number,
  columns: number | null,
  fixed: readonly number[],
): { rows: number[]; columns: number[]; cells: Cell[][] } {
  const present = presentOf(
    measured.map((one) => one.index),
    axes,
    repeats,
  );
  const down = present[rows]!;
  const across = columns === null ? [0] : present[columns]!;
  const cells: Cell[][] = down.map(() => across.map(() => ({ mean: null, runs: [] })));
  for (const one of measured) {
    const place = placeOf(one.index, axes, repeats);
    if (!place.every((at, axis) => axis === rows || axis === columns || at === fixed[axis])) continue;
    const column = columns === null ? 0 : across.indexOf(place[columns]!);
    cells[down.indexOf(place[rows]!)]![column]!.runs.push(one);
  }
  for (const cell of cells.flat()) {
    const known = cell.runs.flatMap((one) => (one.value === null || one.failed ? [] : [one.value]));
    cell.mean = known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  }
  return { rows: down, columns: across, cells };
}
