/** Corpora by their names. */
import type { Corpus } from "./api";

/** So many are named. */
const MOST = 12;

export function namesOf(corpora: readonly Pick<Corpus, "name">[]): string {
  const names = corpora.slice(0, MOST).map((corpus) => corpus.name);
  const rest = corpora.length - names.length;
  return names.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
