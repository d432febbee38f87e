/** Which gates are held at which values, and which units are worth a look. */

/** A gate that is held at a value. Without `units`, all of the layer. */
export interface Hold {
  gate: string;
  at: number;
  value: number;
  layer: number;
  unit: number | null;
}

/** Holds that differ by their steps alone are one clamp. */
export function clampsOf(holds: readonly Hold[]): object[] {
  const groups = new Map<
    string,
    { gate: string; value: number; layer: number; units: number[] | null; at: number[] }
  >();
  for (const { gate, at, value, layer, unit } of holds) {
    const key = JSON.stringify([gate, value, layer, unit]);
    const group = groups.get(key) ?? { gate, value, layer, units: unit === null ? null : [unit], at: [] };
    group.at.push(at);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function same(a: Hold, b: Hold): boolean {
  return a.gate === b.gate && a.layer === b.layer && a.at === b.at && a.unit === b.unit;
}

/** With `hold` if nothing was held there at its value; else without. */
export function toggled(holds: readonly Hold[], hold: Hold): Hold[] {
  const rest = holds.filter((one) => !same(one, hold));
  const there = holds.find((one) => same(one, hold));
  return there?.value === hold.value ? rest : [...rest, hold];
}

export type Rows = (number | null)[][];

/** Places of the units that vary most over the text, in their order. */
export function liveliest(rows: Rows, most: number): number[] {
  const units = rows[0]?.length ?? 0;
  const spread = Array.from({ length: units }, (_, unit) => {
    const values = rows.map((row) => row[unit] ?? 0);
    return Math.max(...values) - Math.min(...values);
  });
  const order = spread.map((_, unit) => unit).sort((a, b) => spread[b]! - spread[a]!);
  return order.slice(0, most).sort((a, b) => a - b);
}
