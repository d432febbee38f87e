/** From the fields of the form to a job spec. */
import { stringify } from "yaml";
import { fromYaml } from "./yaml.ts";

export interface GridRow {
  path: string;
  values: string;
}

/** A number that may be left out. */
export type Maybe = number | null;

export interface Form {
  name: string;
  corpus: string;
  tokenizer: "char" | "letters" | "byte" | "bpe" | "unigram" | "words";
  /** `gru`, `rnn`, `lstm`, `equations`, or the name of a published cell. */
  cell: string;
  /** The name of a cell that is written as equations. */
  cellName: string;
  equations: string;
  hidden: number;
  reset: boolean;
  update: boolean;
  layers: number;
  embedding: number;
  epochs: number;
  batchSize: number;
  numSteps: number;
  optimizer: "adam" | "adamw" | "sgd" | "rmsprop";
  lr: number;
  seed: number;
  prefix: string;
  grid: GridRow[];
  repeats: number;
  // Fields that are used less often.
  resetActs: "before" | "after";
  activation: "tanh" | "relu";
  /** Units of each layer, separated by commas; empty: `hidden` in each of `layers`. */
  sizes: string;
  connections: "plain" | "residual" | "highway";
  norm: boolean;
  tied: boolean;
  learnedState: boolean;
  /** Rate on the output of every layer; the others apply to the input, to recurrent products, and to the state. */
  dropout: number;
  inputDropout: number;
  recurrentDropout: number;
  zoneout: number;
  variational: boolean;
  /** Standard deviation of normal initial weights; null: PyTorch's own initialization. */
  sigma: Maybe;
  stride: Maybe;
  train: Maybe;
  validation: Maybe;
  test: Maybe;
  /** Shares of the text, separated by commas; empty: 80/10/10. */
  split: string;
  gap: number;
  /** Corpora for validation and test; empty: parts of `corpus`. */
  validationCorpus: string;
  testCorpus: string;
  /** Steps, separated by commas. */
  clean: string;
  /** Number of learned tokens; null: the API's default. */
  pieces: Maybe;
  carryState: boolean;
  momentum: number;
  nesterov: boolean;
  weightDecay: Maybe;
  decayBiases: boolean;
  schedule: Schedule;
  warmup: number;
  floor: number;
  /** For the schedules step and exponential: the steps, and the factor of the rate. */
  every: number;
  factor: number;
  /** For a schedule on a plateau: evaluations. */
  cutPatience: number;
  patience: Maybe;
  target: Maybe;
  maxSteps: Maybe;
  maxSeconds: Maybe;
  evaluateSteps: Maybe;
  /** The run that this one starts from; empty: none. */
  startRun: string;
  /** A step, or auto, best, latest. */
  startCheckpoint: string;
  startWhat: "weights" | "everything";
  /** Initial bias of an LSTM's forget gate. */
  forgetBias: Maybe;
  clipNorm: Maybe;
  precision: "fp32" | "bf16";
  sample: boolean;
  characters: number;
  temperature: number;
  gateStatistics: boolean;
  keepCheckpoints: number;
  keepBest: boolean;
}

type Schedule = (typeof SCHEDULES)[number];

/** The schedules that the form offers; inverse_sqrt takes its timescale from the warm-up. */
export const SCHEDULES = [
  ...(["constant", "linear", "cosine", "step", "exponential", "inverse_sqrt", "one_cycle", "plateau"] as const),
] as const;

/** The API's defaults: the spec leaves out a field with this value. */
export const RARE = {
  ...{ resetActs: "before", activation: "tanh", sigma: null },
  ...{ sizes: "", connections: "plain", norm: false, tied: false, learnedState: false },
  ...{ dropout: 0, inputDropout: 0, recurrentDropout: 0, zoneout: 0, variational: false },
  ...{ stride: null, train: null, validation: null, test: null, carryState: false },
  ...{ split: "", gap: 0, validationCorpus: "", testCorpus: "", clean: "" },
  ...{ momentum: 0, nesterov: false, weightDecay: null, decayBiases: true, clipNorm: 1, precision: "fp32" },
  ...{ schedule: "constant", warmup: 0, floor: 0, every: 1, factor: 0.5, cutPatience: 2 },
  ...{ patience: null, target: null, maxSteps: null, maxSeconds: null, evaluateSteps: null },
  ...{ startRun: "", startCheckpoint: "auto", startWhat: "weights", forgetBias: null },
  ...{ sample: true, characters: 50, temperature: 0 },
  ...{ gateStatistics: false, keepCheckpoints: 3, keepBest: true },
} as const satisfies Partial<Form>;

export function emptyForm(corpus: string): Form {
  return {
    ...{ name: "job", corpus, tokenizer: "letters", cell: "gru", hidden: 64, reset: true, update: true, layers: 1 },
    ...{ embedding: 0, epochs: 10, batchSize: 64, numSteps: 32, optimizer: "adam", lr: 0.01, seed: 0 },
    ...{ cellName: "", equations: "", prefix: "", grid: [], repeats: 1, pieces: null },
    ...RARE,
  };
}

/** Whether the form uses any of the less common fields. */
export function isRare(form: Form): boolean {
  return (Object.keys(RARE) as (keyof typeof RARE)[]).some((name) => form[name] !== RARE[name]);
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

export type Fields = Record<string, unknown>;

/** The spec that the form describes. Throws if the values of a grid row are not a list. */
export function specOf(form: Form): Fields {
  /** A less common field, if it is used. */
  const rare = (name: keyof typeof RARE, field: string): Fields =>
    form[name] === RARE[name] ? {} : { [field]: form[name] };
  return {
    name: form.name,
    corpus: corpusOf(form),
    tokenizer: tokenizerOf(form),
    model: {
      ...sizedOf(form, { kind: form.cell, ...cellOf(form, rare) }),
      ...(form.embedding ? { input: { embedding: form.embedding } } : {}),
      ...rare("connections", "connections"),
      ...(form.norm ? { norm: "layer" } : {}),
      ...rare("tied", "tied"),
      ...(form.learnedState ? { initial_state: "learned" } : {}),
      ...dropoutOf(rare),
      ...initOf(form),
    },
    training: {
      num_steps: form.numSteps,
      batch_size: form.batchSize,
      ...windowsOf(form),
      ...rare("carryState", "carry_state"),
      optimizer: { kind: form.optimizer, lr: form.lr, ...optimizerOf(form, rare) },
      ...rare("clipNorm", "clip_norm"),
      epochs: form.epochs,
      ...stopOf(form),
      ...(form.evaluateSteps === null ? {} : { evaluate_every: { steps: form.evaluateSteps } }),
      seed: form.seed,
      ...rare("precision", "precision"),
      sample: form.sample
        ? { prefix: form.prefix, ...rare("characters", "characters"), ...rare("temperature", "temperature") }
        : null,
      ...rare("gateStatistics", "gate_statistics"),
      ...rare("keepCheckpoints", "keep_checkpoints"),
      ...rare("keepBest", "keep_best"),
    },
    ...startOf(form),
    ...(form.grid.length ? { grid: Object.fromEntries(form.grid.map((row) => [row.path, valuesOf(row)])) } : {}),
    repeats: form.repeats,
  };
}

type Rare = (name: keyof typeof RARE, field: string) => Fields;

function cellOf(form: Form, rare: Rare): Fields {
  const { hidden, cellName, equations } = form;
  if (form.cell === "equations") return { ...(cellName ? { name: cellName } : {}), hidden, equations };
  if (form.cell === "rnn") return { hidden, ...rare("activation", "activation") };
  if (form.cell !== "gru") return { hidden };
  return {
    hidden,
    gates: [...(form.reset ? ["reset"] : []), ...(form.update ? ["update"] : [])],
    ...rare("resetActs", "reset"),
  };
}

/** If sizes set the units of each layer, no other field does. */
function sizedOf(form: Form, cell: Fields): Fields {
  if (!form.sizes.trim()) return { cell, layers: form.layers };
  const { hidden: _, ...others } = cell;
  return { cell: others, sizes: listOf("sizes", form.sizes) };
}

function dropoutOf(rare: Rare): Fields {
  const others = {
    ...rare("inputDropout", "input"),
    ...rare("recurrentDropout", "recurrent"),
    ...rare("zoneout", "zoneout"),
    ...rare("variational", "variational"),
  };
  if (!Object.keys(others).length) return rare("dropout", "dropout");
  return { dropout: { ...rare("dropout", "layers"), ...others } };
}

function optimizerOf(form: Form, rare: Rare): Fields {
  return {
    ...(form.optimizer === "sgd" || form.optimizer === "rmsprop" ? rare("momentum", "momentum") : {}),
    ...(form.optimizer === "sgd" ? rare("nesterov", "nesterov") : {}),
    ...(form.optimizer === "adam" ? {} : rare("weightDecay", "weight_decay")),
    ...(form.optimizer === "adamw" ? rare("decayBiases", "decay_biases") : {}),
    ...scheduleOf(form, rare),
  };
}

function scheduleOf(form: Form, rare: Rare): Fields {
  const kind = form.schedule;
  const warmup = rare("warmup", "warmup");
  if (kind === "constant") return form.warmup ? { schedule: { kind, ...warmup } } : {};
  if (kind === "one_cycle") return { schedule: { kind } };
  const falls = { ...warmup, ...rare("floor", "floor") };
  if (kind === "plateau") {
    return { schedule: { kind, ...falls, factor: form.factor, patience: form.cutPatience } };
  }
  const steps = kind === "step" || kind === "exponential" ? { every: form.every, factor: form.factor } : {};
  return { schedule: { kind, ...falls, ...steps } };
}

/** One object can hold the deviation of all weights and the bias of one gate only if it names kinds. */
function initOf(form: Form): Fields {
  const forget = form.cell === "lstm" ? form.forgetBias : null;
  if (forget === null) return form.sigma === null ? {} : { init: { normal: form.sigma } };
  if (form.sigma === null) return { init: { forget } };
  const normal = { normal: form.sigma };
  const matrices = { recurrent: normal, input: normal, head: normal, ...(form.embedding ? { embedding: normal } : {}) };
  return { init: { ...matrices, bias: 0, forget } };
}

function startOf(form: Form): Fields {
  if (!form.startRun) return {};
  const step = Number(form.startCheckpoint);
  const checkpoint = Number.isNaN(step) || form.startCheckpoint === "" ? form.startCheckpoint : step;
  return { start: { run: form.startRun, checkpoint, what: form.startWhat } };
}

function stopOf(form: Form): Fields {
  const { patience, target, maxSteps: max_steps, maxSeconds: max_seconds } = form;
  const given = Object.entries({ patience, target, max_steps, max_seconds }).filter(([, value]) => value !== null);
  return given.length ? { stop: Object.fromEntries(given) } : {};
}

function windowsOf(form: Form): Fields {
  const { stride, train, validation, test } = form;
  const split = form.split.trim() ? listOf("split", form.split) : null;
  const gap = form.gap || null;
  const given = Object.entries({ stride, train, validation, test, split, gap }).filter(([, value]) => value !== null);
  return given.length ? { windows: Object.fromEntries(given) } : {};
}

function corpusOf(form: Form): unknown {
  const { validationCorpus, testCorpus } = form;
  if (!validationCorpus && !testCorpus) return form.corpus;
  return {
    train: form.corpus,
    ...(validationCorpus ? { validation: validationCorpus } : {}),
    ...(testCorpus ? { test: testCorpus } : {}),
  };
}

function tokenizerOf(form: Form): Fields {
  const { tokenizer, pieces } = form;
  const clean = form.clean.trim() ? { clean: listOf("clean", form.clean) } : {};
  if (tokenizer === "letters") return { kind: "char", normalize: "letters", ...clean };
  if (pieces === null || tokenizer === "char" || tokenizer === "byte") return { kind: tokenizer, ...clean };
  return { kind: tokenizer, [tokenizer === "words" ? "most" : "size"]: pieces, ...clean };
}

function listOf(name: string, text: string): unknown[] {
  try {
    return fromYaml(`[${text}]`) as unknown[];
  } catch {
    throw new Error(`${name}: separate values by commas`);
  }
}

export function valuesOf(row: GridRow): unknown[] {
  try {
    return fromYaml(`[${row.values}]`) as unknown[];
  } catch {
    throw new Error(`grid.${row.path}: separate values by commas, such as 16, 32 or [reset], []`);
  }
}

export function rowOf(path: string, values: unknown[]): GridRow {
  const list = stringify(values, {
    version: "1.2",
    collectionStyle: "flow",
    flowCollectionPadding: false,
    // A row is one line, so the line ends of a longer text are shown as signs.
    doubleQuotedMinMultiLineLength: Infinity,
    lineWidth: 0,
  });
  return { path, values: list.trim().slice(1, -1) };
}
