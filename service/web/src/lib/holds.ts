/** Which gates are held at which values, and which units vary most. */

/** A gate that is held at a value. Without `units`, all of the layer. */
export interface Hold {
  gate: string;
  at: number;
  value: number;
  layer: number;
  unit: number | null;
}

/** Holds that differ only in their steps are one clamp. */
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

/** `holds` with `hold`, which replaces another value at its place; without it if it was among them already. */
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

/** Steps `from` to `to` at which the same gate is held at the same value. */
export interface Span {
  gate: string;
  value: number;
  layer: number;
  unit: number | null;
  from: number;
  to: number;
}

/** `holds` with the gate held at all steps of `span` at its value, which replaces earlier values there. */
export function heldOver(holds: readonly Hold[], span: Span): Hold[] {
  const added = holdsOf(span);
  return [...holds.filter((one) => !added.some((other) => same(one, other))), ...added];
}

export function without(holds: readonly Hold[], span: Span): Hold[] {
  const gone = holdsOf(span);
  return holds.filter((one) => !gone.some((other) => same(one, other)));
}

function holdsOf({ from, to, ...what }: Span): Hold[] {
  return Array.from({ length: to - from + 1 }, (_, step) => ({ ...what, at: from + step }));
}

/** The holds, with those of consecutive steps merged. */
export function spansOf(holds: readonly Hold[]): Span[] {
  const spans: Span[] = [];
  for (const { at, ...what } of holds.toSorted((a, b) => a.at - b.at)) {
    const before = spans.find(
      (span) => span.to === at - 1 && Object.entries(what).every(([k, v]) => span[k as keyof Span] === v),
    );
    if (before) before.to = at;
    else spans.push({ ...what, from: at, to: at });
  }
  return spans;
}

/** The holds as in the address: `update=1@5-18`, `reset=0@4/layer1/unit3`, with commas in between. */
export function addressOf(holds: readonly Hold[]): string {
  return spansOf(holds)
    .map(({ gate, value, from, to, layer, unit }) => {
      const steps = from === to ? String(from) : `${from}-${to}`;
      return `${gate}=${value}@${steps}${layer ? `/layer${layer}` : ""}${unit === null ? "" : `/unit${unit}`}`;
    })
    .join(",");
}

const WRITTEN = /^(\w+)=([0-9.e-]+)@(\d{1,6})(?:-(\d{1,6}))?(?:\/layer(\d{1,6}))?(?:\/unit(\d{1,6}))?$/;
/** An address can come from anybody, so the number of steps is bounded. */
const MOST = 100_000;

/** The holds in an address. Parts that are not valid are left out. */
export function holdsIn(address: string): Hold[] {
  const holds: Hold[] = [];
  for (const part of address.split(",")) {
    const [, gate, value, from, to, layer, unit] = WRITTEN.exec(part) ?? [];
    const span = { gate: gate!, value: Number(value), from: Number(from), to: Number(to ?? from) };
    if (!gate || !(span.value >= 0 && span.value <= 1) || span.to < span.from) continue;
    if (holds.length + span.to - span.from >= MOST) continue;
    holds.push(...holdsOf({ ...span, layer: Number(layer ?? 0), unit: unit === undefined ? null : Number(unit) }));
  }
  return holds;
}
