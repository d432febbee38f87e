/** The options of a line chart for uPlot. */
import uPlot from "uplot";
import { number } from "./format.ts";
import { ceiling, lone, natsOf } from "./lines.ts";

export interface Lines {
  x: readonly number[];
  ys: readonly (readonly (number | null | undefined)[])[];
  names: readonly string[];
  colours: readonly string[];
}

export interface Look {
  xName: string;
  yName: string;
  log: boolean;
  /** The chart shows a loss, in nats or as perplexity: values far above all others are left out of the scale. */
  loss?: "nats" | "perplexity";
}

/** The points that a chart leaves out of its scale, and their lines. */
export interface Cut {
  above: number;
  points: number;
  names: string[];
}

/** How far above the lower quartile of all points a loss is always shown: 50 times the perplexity. */
const ROOM = Math.log(50);

export interface Watching {
  /** The pointer is at this place of the data, or has left (null). */
  moved: (point: number | null) => void;
  /** This line is nearest to the pointer. */
  focused: (line: number | null) => void;
  zoomed: (is: boolean) => void;
}

/** Distances of ticks on the x-axis, which counts epochs or characters. */
const WHOLE = [1, 2, 5]
  .flatMap((digit) => [1, 10, 100, 1000, 10_000, 100_000].map((power) => digit * power))
  .sort((a, b) => a - b);

/** Whether a line has a value that this look can show. A logarithmic scale cannot show zero. */
function canShow(value: number | null | undefined, look: Look): value is number {
  return typeof value === "number" && Number.isFinite(value) && (!look.log || value > 0);
}

export function isEmpty(lines: Lines, look: Look): boolean {
  return !lines.ys.some((y) => y.some((value) => canShow(value, look)));
}

export function dataOf(lines: Lines, look: Look): uPlot.AlignedData {
  const ys = lines.ys.map((y) => y.map((value) => (value === undefined || canShow(value, look) ? value : null)));
  return [lines.x, ...ys] as unknown as uPlot.AlignedData;
}

export function cutOf(lines: Lines, look: Look): Cut | null {
  if (!look.loss) return null;
  const perplexity = look.loss === "perplexity";
  const shown = lines.ys.map((y) =>
    y.filter((value) => canShow(value, look)).map((value) => natsOf(value, perplexity)),
  );
  const bound = ceiling(shown.flat(), ROOM);
  if (bound === null) return null;
  const over = shown.map((values) => values.filter((value) => value > bound).length);
  return {
    above: perplexity ? Math.exp(bound) : bound,
    points: over.reduce((sum, points) => sum + points, 0),
    names: lines.names.filter((_, at) => over[at]),
  };
}

/** @param top the end of the y-axis, however much lies above it; null: the axis shows everything */
export function optionsOf(
  lines: Lines,
  look: Look,
  top: () => number | null,
  [width, height]: [number, number],
  watch: Watching,
): uPlot.Options {
  const many = lines.names.length > 30;
  return {
    width,
    height,
    padding: [12, 12, 0, 0],
    legend: { show: false },
    focus: { alpha: 0.25 },
    cursor: { focus: { prox: 40 }, drag: { x: true, y: false }, points: { size: 7 }, y: false },
    scales: { x: { time: false }, y: { ...(look.log ? { distr: 3 } : {}), range: rangeOf(look, top) } },
    axes: [
      { ...axis(look.xName, 30), incrs: WHOLE },
      { ...axis(look.yName, 52), ...(look.log ? { splits: logSplits, filter: all } : {}) },
    ],
    series: [
      {},
      ...lines.names.map((label, at) => ({
        label,
        stroke: lines.colours[at]!,
        width: many ? 1 : 1.8,
        points: { show: false, filter: alone, size: 7, fill: lines.colours[at]! },
      })),
    ],
    hooks: {
      setCursor: [(plot) => watch.moved(plot.cursor.idx ?? null)],
      setSeries: [(_, at, change) => "focus" in change && watch.focused(at ? at - 1 : null)],
      setScale: [(plot, name) => name === "x" && watch.zoomed(isZoomed(plot))],
    },
  };
}

const alone: uPlot.Series.Points.Filter = (plot, series) => lone(plot.data[series] as Lines["ys"][number]);

function axis(label: string, size: number): uPlot.Axis {
  return {
    label,
    size,
    labelSize: 22,
    gap: 4,
    font: "12px system-ui, sans-serif",
    labelFont: "12px system-ui, sans-serif",
    stroke: () => style("--quiet"),
    grid: { stroke: () => style("--line"), width: 1 },
    ticks: { show: false },
    values: (_, values) => values.map((value) => number(value)),
  };
}

function style(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}

/** If nothing is shown, there is no range, and so no axis. */
function rangeOf(look: Look, top: () => number | null): uPlot.Range.Function {
  return (_, low, high) => {
    if (low === null || high === null) return [null, null];
    const bound = top();
    const end = bound === null ? high : Math.min(high, Math.max(bound, low));
    return look.log ? around(low, end) : uPlot.rangeNum(low, end, 0.1, true);
  };
}

/** A little room below and above; uPlot's own range for logarithms goes to the next powers of ten. */
function around(low: number, high: number): uPlot.Range.MinMax {
  const room = Math.max(1.02, (high / low) ** 0.05);
  return [low / room, high * room];
}

/** 1, 2, 5, 10, … between the ends; only powers of ten if there are many, and equal steps if there are fewer than three. */
function logSplits(_: uPlot, __: number, low: number, high: number): number[] {
  const found: number[] = [];
  const digits = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    found.push(...digits.map((digit) => digit * power).filter((value) => value >= low && value <= high));
  }
  if (found.length >= 3) return found;
  const step = niceStep((high - low) / 5);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, at) => (first + at) * step);
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => step >= rough)!;
}

function all(_: uPlot, splits: number[]): number[] {
  return splits;
}

function isZoomed(plot: uPlot): boolean {
  const { min, max } = plot.scales.x!;
  const x = plot.data[0];
  if (x.length < 2 || min === undefined || max === undefined) return false;
  return min > x[0]! || max < x.at(-1)!;
}

/** Shows the part of the x-axis around a place: `factor` below 1 nearer, above 1 wider. */
export function zoom(plot: uPlot, factor: number, point: number | null): void {
  const x = plot.data[0];
  if (x.length < 2) return;
  const [first, last] = [x[0]!, x.at(-1)!];
  const { min, max } = plot.scales.x!;
  const middle = point === null ? ((min ?? first) + (max ?? last)) / 2 : x[point]!;
  const half = (((max ?? last) - (min ?? first)) * factor) / 2;
  plot.setScale("x", { min: Math.max(first, middle - half), max: Math.min(last, middle + half) });
}

/** Finds the range of the y-axis again. */
export function rescale(plot: uPlot): void {
  const { min, max } = plot.scales.x!;
  // Null before the first drawing, which finds the range itself.
  if (typeof min === "number" && typeof max === "number") plot.setScale("x", { min, max });
}

export function unzoom(plot: uPlot): void {
  plot.setData(plot.data, true);
}
