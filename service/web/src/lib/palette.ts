/** Colours of lines: far apart for a few, along one scale for many. Readable on light and on dark. */

const FEW = [
  "#0d9488",
  "#d97706",
  "#6366f1",
  "#e11d48",
  "#65a30d",
  "#0284c7",
  "#a21caf",
  "#92400e",
  "#4d7c0f",
  "#475569",
];

export function colour(at: number, of: number): string {
  return of <= FEW.length ? FEW[at % FEW.length]! : onScale(at, of);
}

/** From violet through teal to amber, all of similar lightness: for values that have an order. */
export function onScale(at: number, of: number): string {
  const hue = 280 - (240 * at) / Math.max(1, of - 1);
  return `hsl(${hue.toFixed(0)} 62% 47%)`;
}
