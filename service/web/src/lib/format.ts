/** Numbers and times in few characters. */

const NONE = "–";

/** Four significant digits; thousands as 12.3 k, 4.56 M; 1.07e13. */
export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 1e12) return value.toExponential(2).replace(/\.?0*e\+/, "e");
  if (size >= 1e9) return `${trim(value / 1e9, 3)} G`;
  if (size >= 1e6) return `${trim(value / 1e6, 3)} M`;
  if (size >= 1e5) return `${trim(value / 1e3, 3)} k`;
  return trim(value, Number.isInteger(value) ? 6 : digits);
}

function trim(value: number, digits: number): string {
  const text = value.toPrecision(digits);
  return text.includes("e") || !text.includes(".") ? String(Number(text)) : text.replace(/\.?0+$/, "");
}

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : value.toLocaleString("en");
}

export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "<0.1 %";
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** 40 ms, 1.4 s, 12 s, 3 min 5 s, 2 h 10 min. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  if (seconds < 0.995) return `${Math.round(1000 * seconds)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 1440)} days`;
}

export function bytes(size: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (size >= 1000 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${at ? size.toPrecision(3) : size} ${units[at]}`;
}

/** How long ago a moment was. */
export function ago(moment: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(moment)) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(moment).toLocaleDateString("en", { year: "numeric", month: "short", day: "numeric" });
}

/** A visible form of a character: spaces and line ends get signs. */
export function visible(character: string): string {
  const signs: Record<string, string> = { " ": "␣", "\n": "↵", "\r": "␍", "\t": "⇥" };
  return signs[character] ?? (/^\p{C}$/u.test(character) ? `U+${hex(character)}` : character);
}

function hex(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
}
