/** Specs from which a job can start: the repository's examples, unchanged. */

export interface Preset {
  name: string;
  /** Its purpose: the comment at its beginning. */
  about: string;
  text: string;
}

const FILES = import.meta.glob<string>("../../../../examples/*.yaml", {
  query: "?raw",
  import: "default",
  eager: true,
});
/** The model that the book builds comes first. */
const FIRST = "gru-scratch";

export const PRESETS: readonly Preset[] = Object.entries(FILES)
  .map(([path, text]) => ({ name: path.replace(/^.*\/|\.yaml$/g, ""), about: commentOf(text), text }))
  .sort((a, b) => Number(b.name === FIRST) - Number(a.name === FIRST) || a.name.localeCompare(b.name));

function commentOf(text: string): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  return lines
    .slice(0, end)
    .map((line) => line.slice(1).trim())
    .join(" ");
}
