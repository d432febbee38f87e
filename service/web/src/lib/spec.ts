/** From the fields of the form to a job spec, and between specs and YAML. */
import { Document, isScalar, isSeq, parse, visit } from "yaml";

export interface GridRow {
  path: string;
  values: string;
}

export interface Form {
  name: string;
  corpus: string;
  tokenizer: "char" | "letters" | "byte";
  cell: "gru" | "rnn" | "lstm";
  hidden: number;
  reset: boolean;
  update: boolean;
  layers: number;
  embedding: number;
  epochs: number;
  batchSize: number;
  numSteps: number;
  optimizer: "adam" | "adamw" | "sgd";
  lr: number;
  seed: number;
  prefix: string;
  grid: GridRow[];
  repeats: number;
}

export function emptyForm(corpus: string): Form {
  return {
    name: "job",
    corpus,
    tokenizer: "letters",
    cell: "gru",
    hidden: 64,
    reset: true,
    update: true,
    layers: 1,
    embedding: 0,
    epochs: 10,
    batchSize: 64,
    numSteps: 32,
    optimizer: "adam",
    lr: 0.01,
    seed: 0,
    prefix: "it has",
    grid: [],
    repeats: 1,
  };
}

/** Paths that people vary most, with values that make a first grid. */
export const COMMON_PATHS: readonly GridRow[] = [
  { path: "model.cell.hidden", values: "16, 32, 64" },
  { path: "training.optimizer.lr", values: "0.003, 0.01, 0.03" },
  { path: "model.cell.gates", values: "[reset, update], [reset], [update], []" },
  { path: "training.num_steps", values: "8, 16, 32" },
  { path: "training.batch_size", values: "32, 64, 128" },
  { path: "model.layers", values: "1, 2" },
  { path: "model.dropout", values: "0.0, 0.2" },
];

/** The spec that the form describes. Throws where the values of a grid row are no list. */
export function specOf(form: Form): Record<string, unknown> {
  const gates = [...(form.reset ? ["reset"] : []), ...(form.update ? ["update"] : [])];
  return {
    name: form.name,
    corpus: form.corpus,
    tokenizer: form.tokenizer === "byte" ? { kind: "byte" } : { kind: "char", ...letters(form) },
    model: {
      cell: { kind: form.cell, hidden: form.hidden, ...(form.cell === "gru" ? { gates } : {}) },
      layers: form.layers,
      ...(form.embedding ? { input: { embedding: form.embedding } } : {}),
    },
    training: {
      num_steps: form.numSteps,
      batch_size: form.batchSize,
      optimizer: { kind: form.optimizer, lr: form.lr },
      epochs: form.epochs,
      seed: form.seed,
      sample: { prefix: form.prefix },
    },
    ...(form.grid.length ? { grid: Object.fromEntries(form.grid.map((row) => [row.path, valuesOf(row)])) } : {}),
    repeats: form.repeats,
  };
}

function letters(form: Form): object {
  return form.tokenizer === "letters" ? { normalize: "letters" } : {};
}

function valuesOf(row: GridRow): unknown[] {
  try {
    return fromYaml(`[${row.values}]`) as unknown[];
  } catch {
    throw new Error(`grid.${row.path}: write values with commas between them, such as 16, 32 or [reset], []`);
  }
}

/** YAML as the command line reads it (1.1: `yes` is true, and so on). */
export function fromYaml(text: string): unknown {
  return parse(text, { version: "1.1" });
}

/** Lists of plain values stand on one line, as people write them. */
export function toYaml(spec: unknown): string {
  const document = new Document(spec, { version: "1.1" });
  visit(document, {
    Seq(_, list) {
      list.flow = list.items.every((item) => isScalar(item) || isSeq(item));
    },
  });
  return document.toString({ flowCollectionPadding: false, lineWidth: 100 });
}
