import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { formOf } from "./filled.ts";
import { type Form, RARE, emptyForm, isRare, rowOf, specOf } from "./spec.ts";
import { fromYaml, toYaml } from "./yaml.ts";

const EXAMPLES = new URL("../../../../examples/", import.meta.url);
const API = JSON.parse(readFileSync(new URL("../../openapi.json", import.meta.url), "utf8"));

/** Fields of a job that the form leaves to YAML. */
const YAML_ALONE = [
  "tokenizer.at_least",
  ...["training.evaluate_every.epochs", "training.evaluate_every.tokens"],
  ...["training.optimizer.alpha", "training.optimizer.betas", "training.optimizer.eps"],
  ...["by", "first", "growth", "last", "min_delta", "period", "rise", "timescale"].map(
    (name) => `training.optimizer.schedule.${name}`,
  ),
  ...["training.stop.max_tokens", "training.stop.metric", "training.stop.min_delta"],
];

/** Paths of all that a schema has a place for. A list or an object with any names is one field. */
function leaves(schema: any, path = ""): string[] {
  if (schema.$ref) return leaves(API.components.schemas[schema.$ref.split("/").at(-1)], path);
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices) return choices.flatMap((choice: any) => leaves(choice, path));
  if (!schema.properties) return schema.type === "null" ? [] : [path];
  return Object.entries(schema.properties).flatMap(([name, inner]) => leaves(inner, path ? `${path}.${name}` : name));
}

/** Paths of all that a spec says. */
function said(value: any, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value) || path === "grid") return [path];
  return Object.entries(value).flatMap(([name, inner]) => said(inner, path ? `${path}.${name}` : name));
}

/** A form with no field as the API has it. */
const FULL: Form = {
  ...emptyForm("corpus"),
  ...{ embedding: 8, grid: [{ path: "model.layers", values: "1, 2" }], repeats: 2, sigma: 0.01, dropout: 0.1 },
  ...{ sizes: "32, 64", layers: 2, connections: "residual", norm: true, tied: true, learnedState: true },
  ...{ inputDropout: 0.2, recurrentDropout: 0.3, zoneout: 0.1, variational: true },
  ...{ resetActs: "after", activation: "relu", stride: 1, train: 100, validation: 50, test: 50, carryState: true },
  ...{ momentum: 0.9, weightDecay: 0.02, clipNorm: 2, precision: "bf16", characters: 20, temperature: 0.6 },
  ...{ gateStatistics: true, keepCheckpoints: 7, keepBest: false },
  ...{ nesterov: true, decayBiases: false, schedule: "plateau", warmup: 9, floor: 0.1, every: 100, factor: 0.3 },
  ...{ cutPatience: 4, patience: 5, target: 1.5, maxSteps: 1000, maxSeconds: 60, evaluateSteps: 50 },
  ...{ startRun: "run-a", startCheckpoint: "best", startWhat: "everything", forgetBias: 1 },
  ...{ pieces: 512, clean: "nfc" },
  ...{ split: "0.9, 0.05, 0.05", gap: 2, validationCorpus: "other", testCorpus: "third" },
  ...{ cellName: "mine", equations: "# Elman's.\nh' = tanh(W @ x + U @ h + b)\n" },
};

test("a field of a job is in the form, or among the few that are left to YAML", () => {
  const forms = ["gru", "rnn", "lstm", "equations"].flatMap((cell) =>
    (["sgd", "adam", "adamw", "rmsprop"] as const).flatMap((optimizer): Form[] => [
      { ...FULL, cell, optimizer },
      { ...FULL, cell, optimizer, schedule: "step" },
    ]),
  );
  for (const tokenizer of ["bpe", "words"] as const) forms.push({ ...FULL, tokenizer });
  forms.push({ ...FULL, validationCorpus: "", testCorpus: "" });
  forms.push({ ...FULL, sizes: "" }, { ...FULL, inputDropout: 0, recurrentDropout: 0, zoneout: 0, variational: false });
  const inForm = new Set(forms.flatMap((form) => said(specOf(form))));
  const fields = new Set(
    leaves(API.components.schemas.JobSpec).filter((path) => path !== "model.input" && !path.startsWith("model.init")),
  );
  assert.deepEqual([...fields].filter((path) => !inForm.has(path)).sort(), YAML_ALONE);
  assert.deepEqual(
    [...inForm].filter((path) => !fields.has(path) && !path.startsWith("model.init")),
    [],
    "and the form says nothing that no job has",
  );
  for (const name of Object.keys(RARE) as (keyof typeof RARE)[]) {
    if (name !== "sample") assert.notEqual(FULL[name], RARE[name], name);
  }
});

test("what the form leaves out is what the API takes then", () => {
  const { model, training } = API.components.schemas.JobSpec.properties;
  const silent = { ...emptyForm("c"), tokenizer: "char" as const, prefix: "", lr: 0.001, hidden: 32 };
  const known: any = specOf(silent);
  assert.equal(isRare(silent), false);
  for (const [made, own] of [
    [known.model, model.default],
    [known.training, training.default],
  ]) {
    for (const path of said(made)) {
      const at = (from: any) => path.split(".").reduce((value, field) => value?.[field], from);
      assert.deepEqual(at(made), at(own), path);
    }
  }
  const windows = { stride: null, train: null, validation: null, test: null, split: null, gap: 0 };
  for (const stored of [training.default, { ...training.default, windows }]) {
    const form = formOf({ corpus: "c", model: model.default, training: stored });
    assert.deepEqual(form && isRare(form), false, "a job that is stored says all of it");
  }
});

test("each example becomes a form that says the same, or stays YAML where the form has no words for it", () => {
  const names = readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml"));
  const forms = new Map(
    names.map((name) => [name, formOf(fromYaml(readFileSync(new URL(name, EXAMPLES), "utf8")) as any)]),
  );
  for (const [name, form] of forms) {
    if (form) assert.deepEqual(formOf(fromYaml(toYaml(specOf(form))) as any), form, name);
  }
  const book = forms.get("gru-scratch.yaml")!;
  assert.deepEqual(
    specOf(book),
    (fromYaml(readFileSync(new URL("gru-scratch.yaml", EXAMPLES), "utf8")) as any) && {
      name: "gru-scratch",
      corpus: "time-machine",
      tokenizer: { kind: "char", normalize: "letters" },
      model: { cell: { kind: "gru", hidden: 32, gates: ["reset", "update"] }, layers: 1, init: { normal: 0.01 } },
      training: {
        ...{ num_steps: 32, batch_size: 1024, windows: { stride: 1, train: 10000, validation: 5000 } },
        ...{ optimizer: { kind: "sgd", lr: 4 }, epochs: 50, seed: 0, sample: { prefix: "it has", characters: 20 } },
      },
      repeats: 20,
    },
  );
  const exercise = forms.get("gru-grid.yaml")!;
  assert.deepEqual(
    [exercise.resetActs, exercise.train, exercise.grid[2]],
    ["after", 10000, { path: "training.optimizer.lr", values: "0.01, 0.1, 1, 10" }],
  );
  const cells = forms.get("rnn-vs-gru.yaml")!.grid[0]!;
  assert.equal(
    cells.values,
    "{kind: rnn, hidden: 32}, {kind: gru, hidden: 32, reset: after}, {kind: lstm, hidden: 32}",
  );
});

test("a cell of one's own comes back to the form, and its equations keep their lines", () => {
  const equations = `\n# ${"A line that is long. ".repeat(8)}Its characters.\n  h' = tanh(W @ x)\n`;
  const made: Form = { ...emptyForm("c"), cell: "equations", cellName: "mine", equations };
  const text = toYaml(specOf(made));
  assert.match(text, /^ +equations: \|\n *\n +# A line.*characters\.\n +h' = tanh\(W @ x\)$/m);
  assert.deepEqual(formOf(fromYaml(text) as any), made);
  const stored = { kind: "equations", name: null, hidden: 8, equations };
  assert.equal(formOf({ corpus: "c", model: { cell: stored } })!.cellName, "");
  const grid = [rowOf("model.cell", [{ kind: "gru" }, stored])];
  assert.equal(grid[0]!.values.includes("\n"), false);
  const { grid: read } = specOf({ ...made, grid }) as any;
  assert.deepEqual(read["model.cell"][1], stored, "in a row of the grid, too");
});

test("texts, tokens and cleaning come back to the form", () => {
  const made: Form = {
    ...emptyForm("a"),
    ...{ tokenizer: "bpe", pieces: 512, clean: "newlines, nfc", split: "0.9, 0.05, 0.05", gap: 8 },
    ...{ validationCorpus: "b", testCorpus: "c" },
  };
  const spec = specOf(made) as any;
  assert.deepEqual(spec.corpus, { train: "a", validation: "b", test: "c" });
  assert.deepEqual(spec.tokenizer, { kind: "bpe", size: 512, clean: ["newlines", "nfc"] });
  assert.deepEqual(spec.training.windows, { split: [0.9, 0.05, 0.05], gap: 8 });
  assert.deepEqual(formOf(fromYaml(toYaml(spec)) as any), made);
  const stored = { kind: "words", most: 10000, at_least: 2, clean: [] };
  const read = formOf({ corpus: { train: "a", validation: "b", test: null }, tokenizer: stored })!;
  assert.deepEqual([read.tokenizer, read.pieces, read.validationCorpus, read.testCorpus], ["words", null, "b", ""]);
  assert.equal(formOf({ corpus: "a", tokenizer: { ...stored, at_least: 3 } }), null);
});

test("sizes of layers and places of dropout come back to the form", () => {
  const made: Form = {
    ...{ ...emptyForm("c"), sizes: "128, 64", layers: 2, hidden: 64, norm: true, connections: "highway" },
    ...{ dropout: 0.25, zoneout: 0.1, variational: true },
  };
  const { model } = specOf(made) as any;
  assert.deepEqual([model.sizes, model.layers, model.cell.hidden], [[128, 64], undefined, undefined]);
  assert.deepEqual(model.dropout, { layers: 0.25, zoneout: 0.1, variational: true });
  assert.deepEqual(formOf(specOf(made)), made);
  const rates = { layers: 0.25, input: 0, recurrent: 0, zoneout: 0.1, variational: true };
  const stored = { ...model, layers: 2, cell: { ...model.cell, hidden: 64, reset: "before" }, dropout: rates };
  assert.deepEqual(formOf({ ...specOf(made), model: stored }), made, "a job that is stored says all of it");
  const alone = { layers: 0.25, input: 0, recurrent: 0, zoneout: 0, variational: false };
  assert.equal(formOf({ corpus: "c", model: { dropout: alone } })!.dropout, 0.25);
  assert.equal(formOf({ corpus: "c", model: { dropout: { ...alone, attention: 0.1 } } }), null);
  assert.equal(formOf({ corpus: "c", model: { norm: "batch" } }), null);
});

test("a published cell goes by its name where it is known", () => {
  const spec = { corpus: "c", model: { cell: { kind: "mgu", hidden: 8 } } };
  assert.equal(formOf(spec), null);
  const form = formOf(spec, ["mgu"])!;
  assert.deepEqual([form.cell, form.hidden], ["mgu", 8]);
  assert.deepEqual((specOf(form) as any).model.cell, { kind: "mgu", hidden: 8 });
});

test("a spec that the form cannot say stays what it is", () => {
  const spec = { corpus: "c", training: { optimizer: { kind: "adam", betas: [0.8, 0.9] } } };
  assert.equal(formOf(spec), null);
  assert.equal(formOf({ corpus: "c", model: { cell: { kind: "unheard-of" } } }), null);
  assert.equal(formOf({ corpus: "c", surprise: 1 }), null);
  assert.equal(formOf({ corpus: "c", training: { sample: null } })!.sample, false);
  assert.equal(formOf({ corpus: "c", training: { clip_norm: null } })!.clipNorm, null);
});
