/** Cells as equations: checks by the service, mistakes, and the draft in the editor. */
import type { Problem } from "./api";
import type { components } from "./schema";
import type { Readable } from "openapi-typescript-helpers";

export type CheckedCell = Readable<components["schemas"]["CheckedCell"]>;
export type PublishedCell = Readable<components["schemas"]["PublishedCell"]>;
export type CellQuestion = components["schemas"]["CellCheck"] & { hidden: number; inputs: number };

/** With fewer seeds than this, only large differences between cells are significant. */
export const LEAST_SEEDS = 5;

/** The address of the form for a job that compares the editor's cell with a GRU and an LSTM. */
export const BESIDE = "/submit?begin=beside";

export interface Draft {
  name: string;
  /** Null: the field is empty. */
  hidden: number | null;
  inputs: number | null;
  equations: string;
  /** The published cell that the equations began as. */
  begun: { name: string; equations: string } | null;
}

export const NOTHING: Draft = { name: "", hidden: 32, inputs: 28, equations: "", begun: null };

/** Whether the user has changed the text, which is stored nowhere else. */
export function isOwn(draft: Draft): boolean {
  return draft.equations.trim() !== "" && draft.equations !== draft.begun?.equations;
}

/** The name that the draft should have: a changed published cell gets another name. */
export function nameOf(draft: Draft): string {
  if (!draft.begun) return draft.name;
  const { name } = draft.begun;
  if (isOwn(draft)) return draft.name === name ? `my ${name}` : draft.name;
  return draft.name === `my ${name}` ? name : draft.name;
}

/** The request to check a draft; null if there is nothing to check. */
export function questionOf({ equations, hidden, inputs }: Draft): CellQuestion | null {
  return equations.trim() && hidden && inputs ? { equations, hidden, inputs } : null;
}

export interface Mistake {
  message: string;
  /** The line of the text with carets below it, as the service shows it; empty if the mistake has no single place. */
  shown: string;
  place: { line: number; column: number; length: number } | null;
}

/** The mistake in the equations; null if the problem is another one. */
export function mistakeOf(problem: Problem): Mistake | null {
  const fault = problem.faults.find((one) => one.path === "equations");
  if (!fault) return null;
  const [message, ...shown] = fault.message.split("\n");
  const found = /^line (\d+), column (\d+): /.exec(message!);
  const length = /\^+$/.exec(shown.at(-1) ?? "")?.[0].length ?? 1;
  const place = found && { line: Number(found[1]), column: Number(found[2]), length };
  return { message: message!, shown: shown.map((line) => line.replace(/^ {4}/, "")).join("\n"), place };
}

/** Where a mistake begins and ends in the text. */
export function spanOf(text: string, { line, column, length }: NonNullable<Mistake["place"]>): [number, number] {
  const lines = text.split("\n");
  const begin = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  // The service counts characters, a text in the browser its UTF-16 units.
  const before = [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
  return [begin + before, begin + before + length];
}

/** The draft of an account survives a reload, and is stored only in this tab. */
export function readDraft(account: string): Draft | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf(account)) ?? "null") as Partial<Draft> | null;
    return kept && { ...NOTHING, ...kept };
  } catch {
    return null;
  }
}

export function keepDraft(account: string, draft: Draft): void {
  sessionStorage.setItem(keyOf(account), JSON.stringify(draft));
}

function keyOf(account: string): string {
  return `cell of ${account}`;
}
