import assert from "node:assert/strict";
import { test } from "node:test";
import { partsOf, widthOf } from "./labels.ts";

/** With indices in brackets. */
const told = (text: string) =>
  partsOf(text)
    .map((part) => (part.low ? `[${part.text}]` : part.text))
    .join("");

test("an index stands below the line", () => {
  assert.equal(told("σ(W_r x + · + b_r)"), "σ(W[r] x + · + b[r])");
  assert.equal(told("c_1'"), "c[1]'");
  assert.equal(told("a_long_one"), "a[long_one]");
  assert.equal(told("h"), "h");
});

test("a function may have an underscore in its name", () => {
  assert.equal(told("log_sigmoid(W_f x)"), "log_sigmoid(W[f] x)");
});

test("what is longer is wider, and indices are narrower", () => {
  assert.ok(widthOf("W x") < widthOf("W x + b"));
  assert.ok(widthOf("W_rr") < widthOf("Wrr"));
});
