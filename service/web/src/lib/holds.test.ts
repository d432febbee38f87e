import assert from "node:assert/strict";
import { test } from "node:test";
import { type Hold, addressOf, heldOver, holdsIn, liveliest, spansOf, toggled, without } from "./holds.ts";

const HOLD: Hold = { gate: "update", at: 3, value: 1, layer: 0, unit: null };

test("the same hold twice is none, and another value takes the place of the first", () => {
  assert.deepEqual(toggled([], HOLD), [HOLD]);
  assert.deepEqual(toggled([HOLD], HOLD), []);
  assert.deepEqual(toggled([HOLD], { ...HOLD, value: 0 }), [{ ...HOLD, value: 0 }]);
  assert.equal(toggled([HOLD], { ...HOLD, unit: 2 }).length, 2);
});

test("of many units those that vary most are shown, in their order", () => {
  const rows = [
    [0, 0.5, 0.1, 0],
    [1, 0.5, 0.4, 0.1],
  ];
  assert.deepEqual(liveliest(rows, 2), [0, 2]);
  assert.deepEqual(liveliest(rows, 9), [0, 1, 2, 3]);
});

test("a range of steps is held, and let go of, at once", () => {
  const span = { gate: "update", value: 1, layer: 0, unit: null, from: 2, to: 5 };
  const holds = heldOver([HOLD, { ...HOLD, at: 4, value: 0 }, { ...HOLD, at: 3, unit: 7 }], span);
  assert.deepEqual(
    holds.filter((one) => one.unit === null).map((one) => [one.at, one.value]),
    [2, 3, 4, 5].map((at) => [at, 1]),
  );
  assert.equal(holds.length, 5, "what is held of one unit stays");
  assert.deepEqual(without(holds, span), [{ ...HOLD, unit: 7 }]);
});

test("an address keeps all that is held, steps that follow each other as one", () => {
  const exercise = [
    ...[5, 6, 7].map((at) => ({ ...HOLD, at })),
    ...["update", "reset"].map((gate) => ({ ...HOLD, gate, at: 4, value: 0 })),
    { gate: "input", at: 6, value: 0.35, layer: 2, unit: 11 },
  ];
  const address = addressOf(exercise);
  assert.equal(address, "update=0@4,reset=0@4,update=1@5-7,input=0.35@6/layer2/unit11");
  assert.deepEqual(spansOf(holdsIn(address)), spansOf(exercise));
});

test("an address that says nothing sensible holds nothing", () => {
  for (const wrong of [
    "",
    "x",
    "update=2@1",
    "update=1@9-3",
    "update=1@0-999999",
    "update=@1",
    "=1@1",
    "update=1@1/unitx",
  ]) {
    assert.deepEqual(holdsIn(wrong), [], wrong);
  }
  assert.equal(holdsIn("update=1@1,nonsense,reset=0@2").length, 2);
});
