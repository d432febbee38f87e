/** Places boxes from left to right: each to the right of its inputs, with few crossings and long ways straight. */

export interface Box {
  id: string;
  width: number;
  height: number;
  from: readonly string[];
  /** Puts the box into the first or the last column, whatever its inputs are. */
  at?: "first" | "last";
}

export interface Point {
  x: number;
  y: number;
}

export interface Way {
  from: string;
  to: string;
  /** Points from the right side of a box to the left side of another, with a pair of points at each column in between. */
  points: readonly Point[];
}

export interface Drawing {
  width: number;
  height: number;
  /** The centres of the boxes. */
  boxes: ReadonlyMap<string, Point>;
  ways: readonly Way[];
}

const BESIDE = 30;
const BELOW = 16;
/** Height of a way where it passes a column. */
const PASS = 6;
const MARGIN = 8;
const SWEEPS = 12;
/** Weights: keeping ways straight counts more than keeping boxes in place. */
const STIFF = 6;

/** A spot: a box, or the place where ways from a box pass a column. */
interface Spot {
  key: string;
  /** The box whose ways pass here; empty for a box itself. */
  chain: string;
  column: number;
  width: number;
  height: number;
  weight: number;
  before: Spot[];
  behind: Spot[];
  y: number;
}

/** Boxes are listed after their inputs. */
export function placed(boxes: readonly Box[]): Drawing {
  const columns = columnsOf(boxes);
  const spots = new Map<string, Spot>();
  const made = (key: string, column: number, { width, height }: Pick<Box, "width" | "height">, chain = "") => {
    const shape = { key, chain, column, width, height, weight: chain ? STIFF : 1 };
    const found = spots.get(key) ?? { ...shape, before: [], behind: [], y: 0 };
    spots.set(key, found);
    return found;
  };
  for (const box of boxes) made(box.id, columns.get(box.id)!, box);
  const routes = boxes.flatMap((box) =>
    box.from.map((id) => {
      const passed = range(columns.get(id)! + 1, columns.get(box.id)!);
      // Ways from one box to several others share their path as far as possible.
      const passes = passed.map((column) => made(`${id}>${column}`, column, { width: 0, height: PASS }, id));
      const route = [spots.get(id)!, ...passes, spots.get(box.id)!];
      route.slice(1).forEach((spot, at) => link(route[at]!, spot));
      return route;
    }),
  );
  const grid = range(0, Math.max(0, ...columns.values()) + 1).map((column) =>
    [...spots.values()].filter((spot) => spot.column === column),
  );
  order(grid);
  level(grid);
  return drawing(grid, routes);
}

function link(before: Spot, behind: Spot): void {
  if (before.behind.includes(behind)) return;
  before.behind.push(behind);
  behind.before.push(before);
}

/** The column of each box: the longest way to it. A box without inputs stands just before the first that needs it. */
function columnsOf(boxes: readonly Box[]): Map<string, number> {
  const columns = new Map<string, number>();
  for (const box of boxes) {
    const before = box.from.map((id) => columns.get(id)!);
    columns.set(box.id, box.at === "first" ? 0 : Math.max(0, ...before) + 1);
  }
  for (const box of boxes) {
    const needed = boxes.filter((other) => other.from.includes(box.id)).map((other) => columns.get(other.id)!);
    if (!box.at && !box.from.length && needed.length) columns.set(box.id, Math.min(...needed) - 1);
  }
  const [begin, end] = [Math.min(...columns.values()), Math.max(...columns.values())];
  const inner = boxes.some((box) => box.at !== "last" && columns.get(box.id) === end) ? end + 1 : end;
  for (const box of boxes) columns.set(box.id, (box.at === "last" ? inner : columns.get(box.id)!) - begin);
  return columns;
}

/** Sorts each column by its left and its right neighbour in turn, and keeps the order with the fewest crossings. */
function order(grid: Spot[][]): void {
  let best = { crossings: crossings(grid), grid: grid.map((column) => [...column]) };
  for (let sweep = 0; sweep < SWEEPS && best.crossings; sweep += 1) {
    const forth = sweep % 2 === 0;
    for (const column of forth ? grid.slice(1) : grid.slice(0, -1).toReversed()) {
      const beside = grid[column[0]!.column + (forth ? -1 : 1)]!;
      const places = new Map(beside.map((spot, at) => [spot, at]));
      const present = new Map(column.map((spot, at) => [spot, at]));
      const wish = (spot: Spot) =>
        mean((forth ? spot.before : spot.behind).map((one) => places.get(one)!)) ?? present.get(spot)!;
      const wishes = new Map(column.map((spot) => [spot, wish(spot)]));
      column.sort((a, b) => wishes.get(a)! - wishes.get(b)!);
    }
    const now = crossings(grid);
    if (now < best.crossings) best = { crossings: now, grid: grid.map((column) => [...column]) };
  }
  best.grid.forEach((column, at) => grid[at]!.splice(0, column.length, ...column));
}

export function crossings(grid: readonly (readonly Pick<Spot, "behind">[])[]): number {
  let found = 0;
  grid.slice(0, -1).forEach((column, at) => {
    const places = new Map(grid[at + 1]!.map((spot, place) => [spot, place]));
    const ends = column.map((spot) => spot.behind.map((one) => places.get(one)!));
    ends.forEach((mine, upper) => {
      for (const theirs of ends.slice(upper + 1))
        for (const end of mine) found += theirs.filter((other) => other < end).length;
    });
  });
  return found;
}

/** Moves all spots up and down towards the middle of their neighbours, and keeps their order and their distances. */
function level(grid: readonly Spot[][]): void {
  for (const column of grid) settle(column, () => 0);
  for (let sweep = 0; sweep < 3 * SWEEPS; sweep += 1) {
    const sides = (["before", "behind"] as const).filter((_, at) => sweep % 3 !== 1 - at);
    for (const column of sweep % 2 ? grid : grid.toReversed()) {
      settle(column, (spot) => mean(sides.flatMap((side) => spot[side].map((one) => one.y))) ?? spot.y);
    }
  }
  // Ways through several columns become straight, unless something is in between.
  const passes = grid.flat().filter((spot) => spot.chain);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const heights = new Map(
      passes.map(({ chain }) => [chain, mean(passes.flatMap((other) => (other.chain === chain ? [other.y] : [])))!]),
    );
    for (const column of grid) settle(column, (spot) => heights.get(spot.chain) ?? spot.y);
  }
  const top = Math.min(...grid.flat().map((spot) => spot.y - spot.height / 2));
  for (const spot of grid.flat()) spot.y += MARGIN - top;
}

/** The heights closest to the desired ones by least squares: the pool-adjacent-violators algorithm. */
function settle(column: readonly Spot[], wish: (spot: Spot) => number): void {
  const offsets: number[] = [];
  const pools: { sum: number; weight: number; size: number }[] = [];
  column.forEach((spot, at) => {
    const above = column[at - 1];
    offsets.push(above ? offsets[at - 1]! + (above.height + spot.height) / 2 + BELOW : 0);
    pools.push({ sum: spot.weight * (wish(spot) - offsets[at]!), weight: spot.weight, size: 1 });
    for (let last = pools.at(-1)!, other = pools.at(-2); other && other.sum / other.weight > last.sum / last.weight;) {
      const [sum, weight, size] = [other.sum + last.sum, other.weight + last.weight, other.size + last.size];
      pools.splice(-2, 2, { sum, weight, size });
      [last, other] = [pools.at(-1)!, pools.at(-2)];
    }
  });
  const heights = pools.flatMap((pool) => Array<number>(pool.size).fill(pool.sum / pool.weight));
  column.forEach((spot, at) => (spot.y = heights[at]! + offsets[at]!));
}

function drawing(grid: readonly Spot[][], routes: readonly Spot[][]): Drawing {
  const widths = grid.map((column) => Math.max(...column.map((spot) => spot.width)));
  const lefts = widths.map((_, at) => MARGIN + widths.slice(0, at).reduce((sum, width) => sum + width + BESIDE, 0));
  const middle = (spot: Spot) => ({ x: lefts[spot.column]! + widths[spot.column]! / 2, y: spot.y });
  const side = (spot: Spot, sign: -1 | 1) => {
    const width = spot.width || widths[spot.column]!;
    return { x: middle(spot).x + (sign * width) / 2, y: spot.y };
  };
  const ways = routes.map((route) => ({
    ...{ from: route[0]!.key, to: route.at(-1)!.key },
    points: route.flatMap((spot, at) => [
      ...(at ? [side(spot, -1)] : []),
      ...(at < route.length - 1 ? [side(spot, 1)] : []),
    ]),
  }));
  const real = grid.flat().filter((spot) => spot.width);
  return {
    width: lefts.at(-1)! + widths.at(-1)! + MARGIN,
    height: Math.max(...grid.flat().map((spot) => spot.y + spot.height / 2)) + MARGIN,
    boxes: new Map(real.map((spot) => [spot.key, middle(spot)])),
    ways,
  };
}

/** A path that is smooth between columns, and straight across a column. */
export function pathOf(points: readonly Point[]): string {
  const parts = points.map((to, at) => {
    const from = points[at - 1];
    if (!from) return `M${place(to)}`;
    if (at % 2 === 0) return `L${place(to)}`;
    const middle = (from.x + to.x) / 2;
    return `C${place({ x: middle, y: from.y })} ${place({ x: middle, y: to.y })} ${place(to)}`;
  });
  return parts.join(" ");
}

function place({ x, y }: Point): string {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}

function mean(values: readonly number[]): number | null {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

/** The whole numbers from `begin` to `end - 1`. */
function range(begin: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - begin) }, (_, at) => begin + at);
}
