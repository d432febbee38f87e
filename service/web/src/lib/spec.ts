/** From the fields of the form to a job spec and back, and between specs and YAML. */
import { Document, isScalar, isSeq, parse, stringify, visit } from "yaml";

export interface GridRow {
  path: string;
  values: string;
}

/** A number that may be left out. */
type Maybe = number | null;

export interface Form {
  name: string;
  corpus: string;
  tokenizer: "char" | "letters" | "byte" | "bpe" | "unigram" | "words";
  /** `gru`, `rnn`, `lstm`, `equations`, or the name of a published cell. */
  cell: string;
  /** Of a cell that is written as equations. */
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
  // What is asked for more rarely.
  resetActs: "before" | "after";
  activation: "tanh" | "relu";
  dropout: number;
  /** Of normal initial weights; null: PyTorch's own. */
  sigma: Maybe;
  stride: Maybe;
  train: Maybe;
  validation: Maybe;
  test: Maybe;
  /** Shares of the text, with commas between them; empty: 80/10/10. */
  split: string;
  gap: number;
  /** Corpora for validation and test; empty: parts of `corpus`. */
  validationCorpus: string;
  testCorpus: string;
  /** Steps, with commas between them. */
  clean: string;
  /** Tokens that are learned; null: as many as the API takes by itself. */
  pieces: Maybe;
  carryState: boolean;
  momentum: number;
  nesterov: boolean;
  weightDecay: Maybe;
  decayBiases: boolean;
  schedule: Schedule;
  warmup: number;
  floor: number;
  /** Of the schedules step and exponential: steps, and what the rate is multiplied by. */
  every: number;
  factor: number;
  /** Of a schedule on a plateau: evaluations. */
  cutPatience: number;
  patience: Maybe;
  target: Maybe;
  maxSteps: Maybe;
  maxSeconds: Maybe;
  evaluateSteps: Maybe;
  /** The run that this one begins from; empty: none. */
  startRun: string;
  /** A step, or auto, best, latest. */
  startCheckpoint: string;
  startWhat: "weights" | "everything";
  /** First bias of an LSTM's forget gate. */
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

/** What the form offers of them; inverse_sqrt takes its timescale from the warm-up. */
export const SCHEDULES = [
  ...(["constant", "linear", "cosine", "step", "exponential", "inverse_sqrt", "one_cycle", "plateau"] as const),
] as const;

/** As the API has them: where a field has this value, the spec leaves it out. */
export const RARE = {
  ...{ resetActs: "before", activation: "tanh", dropout: 0, sigma: null },
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

/** Whether the form asks for something that is asked for rarely. */
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

type Fields = Record<string, unknown>;

/** The spec that the form describes. Throws where the values of a grid row are no list. */
export function specOf(form: Form): Fields {
  /** A field that is asked for more rarely, if it is asked for. */
  const rare = (name: keyof typeof RARE, field: string): Fields =>
    form[name] === RARE[name] ? {} : { [field]: form[name] };
  return {
    name: form.name,
    corpus: corpusOf(form),
    tokenizer: tokenizerOf(form),
    model: {
      cell: { kind: form.cell, ...cellOf(form, rare) },
      layers: form.layers,
      ...(form.embedding ? { input: { embedding: form.embedding } } : {}),
      ...rare("dropout", "dropout"),
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

/** The deviation of all weights and the bias of one gate go into one object only by kinds. */
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
    throw new Error(`${name}: write values with commas between them`);
  }
}

export function valuesOf(row: GridRow): unknown[] {
  try {
    return fromYaml(`[${row.values}]`) as unknown[];
  } catch {
    throw new Error(`grid.${row.path}: write values with commas between them, such as 16, 32 or [reset], []`);
  }
}

/**
 * The form that describes a spec; null where the spec asks for something that the form cannot say.
 *
 * What the spec is silent about has the API's own value. `published` are the names of the cells that come with Gatelab.
 */
export function formOf(spec: Fields, published: readonly string[] = []): Form | null {
  const at = (path: string): any =>
    path
      .split(".")
      .reduce<any>((value, field) => (value && typeof value === "object" ? value[field] : undefined), spec);
  const or = <Value>(path: string, otherwise: Value): Value => at(path) ?? otherwise;
  const gates: unknown[] = or("model.cell.gates", ["reset", "update"]);
  const kind = or<string>("tokenizer.kind", "char");
  const form: Form = {
    name: or("name", "job"),
    corpus: at("corpus.train") ?? or("corpus", ""),
    tokenizer: (kind === "char" && at("tokenizer.normalize") === "letters" ? "letters" : kind) as Form["tokenizer"],
    cell: or("model.cell.kind", "gru"),
    cellName: or("model.cell.name", ""),
    equations: or("model.cell.equations", ""),
    hidden: or("model.cell.hidden", 32),
    reset: gates.includes("reset"),
    update: gates.includes("update"),
    layers: or("model.layers", 1),
    embedding: or("model.input.embedding", 0),
    epochs: or("training.epochs", 10),
    batchSize: or("training.batch_size", 64),
    numSteps: or("training.num_steps", 32),
    optimizer: or("training.optimizer.kind", "adam"),
    lr: or("training.optimizer.lr", 0.001),
    seed: or("training.seed", 0),
    prefix: or("training.sample.prefix", ""),
    grid: Object.entries(or<Record<string, unknown[]>>("grid", {})).map(([path, values]) => rowOf(path, values)),
    repeats: or("repeats", 1),
    resetActs: or("model.cell.reset", RARE.resetActs),
    activation: or("model.cell.activation", RARE.activation),
    dropout: or("model.dropout", RARE.dropout),
    sigma: or("model.init.normal", or("model.init.recurrent.normal", RARE.sigma)),
    stride: or("training.windows.stride", RARE.stride),
    train: or("training.windows.train", RARE.train),
    validation: or("training.windows.validation", RARE.validation),
    test: or("training.windows.test", RARE.test),
    split: or<unknown[]>("training.windows.split", []).join(", "),
    gap: or("training.windows.gap", RARE.gap),
    validationCorpus: or("corpus.validation", RARE.validationCorpus),
    testCorpus: or("corpus.test", RARE.testCorpus),
    clean: or<unknown[]>("tokenizer.clean", []).join(", "),
    pieces: LEARNED.includes(kind)
      ? silentPieces(kind, at(kind === "words" ? "tokenizer.most" : "tokenizer.size"))
      : null,
    carryState: or("training.carry_state", RARE.carryState),
    momentum: or("training.optimizer.momentum", RARE.momentum),
    nesterov: or("training.optimizer.nesterov", RARE.nesterov),
    weightDecay: or("training.optimizer.weight_decay", RARE.weightDecay),
    decayBiases: or("training.optimizer.decay_biases", RARE.decayBiases),
    schedule: or("training.optimizer.schedule.kind", RARE.schedule),
    warmup: or("training.optimizer.schedule.warmup", RARE.warmup),
    floor: or("training.optimizer.schedule.floor", RARE.floor),
    every: or("training.optimizer.schedule.every", RARE.every),
    // The API's own value is another one for each schedule.
    factor: or(
      "training.optimizer.schedule.factor",
      at("training.optimizer.schedule.kind") === "step" ? 0.1 : RARE.factor,
    ),
    cutPatience: or("training.optimizer.schedule.patience", RARE.cutPatience),
    patience: or("training.stop.patience", RARE.patience),
    target: or("training.stop.target", RARE.target),
    maxSteps: or("training.stop.max_steps", RARE.maxSteps),
    maxSeconds: or("training.stop.max_seconds", RARE.maxSeconds),
    evaluateSteps: or("training.evaluate_every.steps", RARE.evaluateSteps),
    startRun: or("start.run", RARE.startRun),
    startCheckpoint: String(or("start.checkpoint", RARE.startCheckpoint)),
    startWhat: or("start.what", RARE.startWhat),
    forgetBias: or("model.init.forget", RARE.forgetBias),
    clipNorm: at("training.clip_norm") === undefined ? RARE.clipNorm : at("training.clip_norm"),
    precision: or("training.precision", RARE.precision),
    sample: at("training.sample") !== null,
    characters: or("training.sample.characters", RARE.characters),
    temperature: or("training.sample.temperature", RARE.temperature),
    gateStatistics: or("training.gate_statistics", RARE.gateStatistics),
    keepCheckpoints: or("training.keep_checkpoints", RARE.keepCheckpoints),
    keepBest: or("training.keep_best", RARE.keepBest),
  };
  const offered = { ...KINDS, cell: [...CELLS, ...published] };
  const kinds = Object.entries(offered) as [keyof typeof offered, readonly string[]][];
  return kinds.every(([name, known]) => known.includes(form[name])) && says(specOf(form), spec) ? form : null;
}

/** What the form offers where the API may have more. */
const KINDS = {
  ...{
    tokenizer: ["char", "letters", "byte", "bpe", "unigram", "words"],
    optimizer: ["adam", "adamw", "sgd", "rmsprop"],
  },
  schedule: SCHEDULES,
  ...{ resetActs: ["before", "after"], activation: ["tanh", "relu"], precision: ["fp32", "bf16"] },
} as const satisfies { [Name in keyof Form]?: readonly Form[Name][] };

const LEARNED = ["bpe", "unigram", "words"];

/** How many tokens are learned; null where it is as many as the API takes by itself. */
function silentPieces(kind: string, given: number | undefined): Maybe {
  return given === undefined || given === (kind === "words" ? SILENT_WORDS : SILENT_PIECES) ? null : given;
}

const [SILENT_PIECES, SILENT_WORDS] = [1024, 10_000];

const CELLS = ["gru", "rnn", "lstm", "equations"];

export function rowOf(path: string, values: unknown[]): GridRow {
  const list = stringify(values, {
    version: "1.2",
    collectionStyle: "flow",
    flowCollectionPadding: false,
    // A row is one line: a text of several has signs for their ends.
    doubleQuotedMinMultiLineLength: Infinity,
    lineWidth: 0,
  });
  return { path, values: list.trim().slice(1, -1) };
}

/** What the API takes where a spec is silent, of the fields that `specOf` leaves out or that `formOf` reads. */
const SILENT: Fields = {
  corpus: { validation: null, test: null },
  tokenizer: { kind: "char", normalize: "none", clean: [], size: SILENT_PIECES, most: SILENT_WORDS, at_least: 2 },
  model: { cell: { name: null, activation: "tanh", reset: "before" }, input: "one_hot", dropout: 0, init: "default" },
  training: {
    ...{ carry_state: false, clip_norm: 1, precision: "fp32", gate_statistics: false, keep_checkpoints: 3 },
    ...{ keep_best: true, sample: { characters: 50, temperature: 0 } },
    optimizer: {
      ...{ momentum: 0, nesterov: false, betas: [0.9, 0.999], eps: 1e-8, alpha: 0.99, decay_biases: true },
      schedule: {
        ...{ kind: "constant", by: "steps", warmup: 0, floor: 0, period: null, growth: 1, timescale: null },
        ...{ rise: 0.3, first: 0.04, last: 4e-6, min_delta: 0 },
      },
    },
    stop: {
      ...{ patience: null, min_delta: 0, metric: "validation_loss", target: null },
      ...{ max_steps: null, max_tokens: null, max_seconds: null },
    },
    evaluate_every: { epochs: 1, steps: null, tokens: null },
    windows: { stride: null, train: null, validation: null, test: null, split: null, gap: 0 },
  },
  start: null,
  grid: {},
};

/** Whether `made` says all that `given` does, in its words or by the API's own value. */
function says(made: unknown, given: unknown, silent: unknown = SILENT): boolean {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return JSON.stringify(made === undefined ? silent : made) === JSON.stringify(given);
  }
  if (made !== undefined && (typeof made !== "object" || made === null)) return false;
  return Object.entries(given).every(([name, value]) =>
    says((made as Fields | undefined)?.[name], value, (silent as Fields | undefined)?.[name]),
  );
}

/** YAML 1.2, as the command line reads it. */
export function fromYaml(text: string): unknown {
  return parse(text, { version: "1.2" });
}

/** Lists of plain values stand on one line, as people write them; texts of several lines keep their lines. */
export function toYaml(spec: unknown): string {
  const document = new Document(spec, { version: "1.2" });
  visit(document, {
    Seq(_, list) {
      list.flow = list.items.every((item) => isScalar(item) || isSeq(item));
    },
  });
  return document.toString({ blockQuote: "literal", flowCollectionPadding: false, lineWidth: 100 });
}
