import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "./api.ts";
import { NOTHING, isOwn, mistakeOf, nameOf, questionOf, spanOf } from "./cells.ts";
import { jobBeside } from "./beside.ts";
import { specOf } from "./spec.ts";
import { fromYaml, toYaml } from "./yaml.ts";

const MGU = { name: "mgu", equations: "h' = tanh(W @ x)\n" };
const CHOSEN = { ...NOTHING, ...MGU, begun: MGU };

test("a mistake has a place in the text, and is shown with its line", () => {
  const message = "line 2, column 13: hh is not defined; did you mean 'h'?\n    h' = U @ W @ hh\n                 ^^";
  const found = mistakeOf(new Problem(422, "…", [{ path: "equations", message }]))!;
  assert.equal(found.message, "line 2, column 13: hh is not defined; did you mean 'h'?");
  assert.equal(found.shown, "h' = U @ W @ hh\n             ^^");
  assert.deepEqual(found.place, { line: 2, column: 13, length: 2 });
  const text = "# 𝛼\nh' = U @ W @ hh";
  assert.equal(text.slice(...spanOf(text, { ...found.place!, column: 14 })), "hh");
});

test("a mistake may be in no one place, and a problem may be no mistake", () => {
  const nowhere = new Problem(422, "…", [{ path: "equations", message: "no line gives h'" }]);
  assert.deepEqual(mistakeOf(nowhere), { message: "no line gives h'", shown: "", place: null });
  assert.equal(mistakeOf(new Problem(422, "…", [{ path: "hidden", message: "at most 65536" }])), null);
  assert.equal(mistakeOf(new Problem(429, "busy")), null);
});

test("a published cell is not its reader's own until it is changed, and then goes by another name", () => {
  assert.deepEqual([isOwn(NOTHING), isOwn(CHOSEN)], [false, false]);
  const changed = { ...CHOSEN, equations: `${MGU.equations}# mine` };
  assert.equal(isOwn(changed), true);
  assert.equal(nameOf(changed), "my mgu");
  assert.equal(nameOf({ ...CHOSEN, name: "my mgu" }), "mgu", "changed back");
  assert.equal(nameOf({ ...changed, name: "fast" }), "fast");
  assert.equal(nameOf({ ...NOTHING, name: "fast", equations: "h' = W @ x" }), "fast");
});

test("nothing is asked about an empty text, or where a size is missing", () => {
  assert.equal(questionOf(NOTHING), null);
  assert.equal(questionOf({ ...CHOSEN, hidden: null }), null);
  assert.deepEqual(questionOf(CHOSEN), { equations: MGU.equations, hidden: 32, inputs: 28 });
});

test("a cell is compared with a GRU and an LSTM of its size, each with five seeds", () => {
  const form = jobBeside({ ...CHOSEN, name: "mine, älter", hidden: 24 }, "time-machine");
  const spec = fromYaml(toYaml(specOf(form))) as any;
  assert.equal(spec.corpus, "time-machine");
  assert.equal(spec.repeats, 5);
  assert.match(spec.name, /^[A-Za-z0-9][A-Za-z0-9._-]*$/);
  assert.deepEqual(spec.grid, {
    "model.cell": [
      { kind: "gru", hidden: 24 },
      { kind: "lstm", hidden: 24 },
      { kind: "equations", name: "mine, älter", hidden: 24, equations: MGU.equations },
    ],
  });
  assert.equal("name" in (specOf(jobBeside({ ...CHOSEN, name: " " }, "c")) as any).grid["model.cell"][2], false);
});
