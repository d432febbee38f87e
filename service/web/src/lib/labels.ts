/** Short texts in drawings: the places of their indices, and their approximate width. */

export interface Part {
  text: string;
  /** Below the line and smaller: an index. */
  low: boolean;
}

/** Functions with an underscore that is not an index. */
const WHOLE = new Set(["log_sigmoid", "hard_sigmoid", "hard_tanh"]);

/** `W_r x` is W, a subscript r, and x. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(/([\p{L}\d]+)_([\p{L}\d_]+)('?)/gu)) {
    if (WHOLE.has(match[0])) continue;
    parts.push({ text: text.slice(end, match.index) + match[1], low: false }, { text: match[2]!, low: true });
    end = match.index + match[0].length - match[3]!.length;
  }
  parts.push({ text: text.slice(end), low: false });
  return parts.filter((part) => part.text);
}

const WIDE = /[\p{Lu}mw+−×÷=]/u;
const NARROW = /[ijlt.,'()·|\s]/;
export const LOW = 0.75;

/** In units of the font size; an upper estimate. */
export function widthOf(text: string): number {
  return partsOf(text).reduce((sum, part) => sum + (part.low ? LOW : 1) * lengthOf(part.text), 0);
}

function lengthOf(text: string): number {
  return [...text].reduce((sum, sign) => sum + (WIDE.test(sign) ? 0.78 : NARROW.test(sign) ? 0.36 : 0.58), 0);
}
