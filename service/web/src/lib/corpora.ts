/** Corpora by their names. */
import type { Corpus } from "./api";

/** The number of names that are shown. */
const MOST = 12;

export function namesOf(corpora: readonly Pick<Corpus, "name">[]): string {
  const names = corpora.slice(0, MOST).map((corpus) => corpus.name);
  const rest = corpora.length - names.length;
  return names.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** The corpora that a spec names, as they are shown: the training text first, then the others. */
export function textsOf(
  corpus: string | { train: string; validation?: string | null; test?: string | null },
): string[] {
  if (typeof corpus === "string") return [corpus];
  return [corpus.train, corpus.validation, corpus.test].filter((name): name is string => !!name);
}
