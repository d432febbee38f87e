/** From a job spec back to the fields of the form. */
import { type Fields, type Form, type Maybe, RARE, SCHEDULES, rowOf, specOf } from "./spec.ts";

/**
 * The form that describes a spec; null if the spec has something for which the form has no field.
 *
 * Fields that the spec leaves out have the API's default. `published` are the names of the cells that come with Gatelab.
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
    hidden: or<number[]>("model.sizes", []).at(-1) ?? or("model.cell.hidden", 32),
    reset: gates.includes("reset"),
    update: gates.includes("update"),
    layers: or<number[]>("model.sizes", []).length || or("model.layers", 1),
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
    sizes: or<unknown[]>("model.sizes", []).join(", "),
    connections: or("model.connections", RARE.connections),
    norm: at("model.norm") === "layer",
    tied: or("model.tied", RARE.tied),
    learnedState: at("model.initial_state") === "learned",
    dropout:
      typeof at("model.dropout") === "object"
        ? or("model.dropout.layers", RARE.dropout)
        : or("model.dropout", RARE.dropout),
    inputDropout: or("model.dropout.input", RARE.inputDropout),
    recurrentDropout: or("model.dropout.recurrent", RARE.recurrentDropout),
    zoneout: or("model.dropout.zoneout", RARE.zoneout),
    variational: or("model.dropout.variational", RARE.variational),
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
    // The API's default differs between schedules.
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
  return kinds.every(([name, known]) => known.includes(form[name])) && says(specOf(form), inShort(spec)) ? form : null;
}

/** The spec without fields that follow from its sizes, and with `dropout` as a number if possible. */
function inShort(spec: Fields): Fields {
  if (typeof spec["model"] !== "object" || spec["model"] === null) return spec;
  const { sizes, layers, cell, dropout, ...others } = spec["model"] as Fields;
  const model: Fields = { ...others };
  if (dropout !== undefined) model["dropout"] = shortDropout(dropout);
  if (!Array.isArray(sizes)) return { ...spec, model: { ...(spec["model"] as Fields), ...model } };
  if (cell && typeof cell === "object") {
    const { hidden: _, ...unsized } = cell as Fields;
    model["cell"] = unsized;
  }
  return { ...spec, model: { ...model, sizes } };
}

function shortDropout(dropout: unknown): unknown {
  if (typeof dropout !== "object" || dropout === null) return dropout;
  const rates = Object.entries(dropout).filter(([, value]) => value !== 0 && value !== false);
  return rates.every(([name]) => name === "layers") ? (rates[0]?.[1] ?? 0) : Object.fromEntries(rates);
}

/** The choices of the form; the API may have more. */
const KINDS = {
  ...{
    tokenizer: ["char", "letters", "byte", "bpe", "unigram", "words"],
    optimizer: ["adam", "adamw", "sgd", "rmsprop"],
  },
  schedule: SCHEDULES,
  connections: ["plain", "residual", "highway"],
  ...{ resetActs: ["before", "after"], activation: ["tanh", "relu"], precision: ["fp32", "bf16"] },
} as const satisfies { [Name in keyof Form]?: readonly Form[Name][] };

const LEARNED = ["bpe", "unigram", "words"];

/** The number of learned tokens; null if it is the API's default. */
function silentPieces(kind: string, given: number | undefined): Maybe {
  return given === undefined || given === (kind === "words" ? SILENT_WORDS : SILENT_PIECES) ? null : given;
}

const [SILENT_PIECES, SILENT_WORDS] = [1024, 10_000];

const CELLS = ["gru", "rnn", "lstm", "equations"];

const AROUND = { sizes: null, connections: "plain", norm: "none", tied: false, initial_state: "zero" };

/** The API's defaults of the fields that `specOf` leaves out or `formOf` reads. */
const SILENT: Fields = {
  corpus: { validation: null, test: null },
  tokenizer: { kind: "char", normalize: "none", clean: [], size: SILENT_PIECES, most: SILENT_WORDS, at_least: 2 },
  model: {
    cell: { name: null, activation: "tanh", reset: "before" },
    input: "one_hot",
    dropout: 0,
    init: "default",
    ...AROUND,
  },
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

/** Whether `made` has everything in `given`, explicitly or by the API's default. */
function says(made: unknown, given: unknown, silent: unknown = SILENT): boolean {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return JSON.stringify(made === undefined ? silent : made) === JSON.stringify(given);
  }
  if (made !== undefined && (typeof made !== "object" || made === null)) return false;
  return Object.entries(given).every(([name, value]) =>
    says((made as Fields | undefined)?.[name], value, (silent as Fields | undefined)?.[name]),
  );
}
