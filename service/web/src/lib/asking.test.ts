import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Asking } from "./asking.ts";

interface Open {
  question: string;
  answer: (text: string) => void;
  refuse: (error: Error) => void;
}

/** An `Asking` whose answers come when the test says so. */
function asking() {
  const open: Open[] = [];
  const heard: string[] = [];
  const one = new Asking<{ text: string }, string>(
    ({ text }) => new Promise((answer, refuse) => open.push({ question: text, answer, refuse })),
    (answer, { text }) => heard.push(`${text}: ${answer}`),
    (error, { text }) => heard.push(`${text} failed: ${(error as Error).message}`),
  );
  return { open, heard, about: (text: string) => one.about({ text }), stop: () => one.stop() };
}

/** Lets promises go on. */
const settle = () => new Promise((go) => setImmediate(go));

test("a question is asked after a pause, and the newest alone", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { open, about } = asking();
  about("h");
  mock.timers.tick(200);
  about("h'");
  mock.timers.tick(200);
  assert.equal(open.length, 0);
  mock.timers.tick(60);
  assert.deepEqual([open.map((one) => one.question)], [["h'"]]);
  mock.timers.reset();
});

test("one question is asked at a time, and of those that wait the newest", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { open, heard, about } = asking();
  for (const text of ["a", "b", "c"]) {
    about(text);
    mock.timers.tick(300);
  }
  assert.deepEqual(
    open.map((one) => one.question),
    ["a"],
  );
  open[0]!.answer("old");
  await settle();
  assert.deepEqual(heard, [], "what an older text comes to is not told");
  assert.deepEqual(
    open.map((one) => one.question),
    ["a", "c"],
  );
  open[1]!.answer("new");
  await settle();
  assert.deepEqual(heard, ["c: new"]);
  mock.timers.reset();
});

test("an answer to a text that has been changed meanwhile is not heard, nor is a failure", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { open, heard, about, stop } = asking();
  about("a");
  mock.timers.tick(300);
  about("b");
  open[0]!.refuse(new Error("old"));
  await settle();
  assert.deepEqual(heard, []);
  mock.timers.tick(300);
  open[1]!.refuse(new Error("new"));
  await settle();
  assert.deepEqual(heard, ["b failed: new"]);
  about("c");
  mock.timers.tick(300);
  stop();
  open[2]!.answer("late");
  await settle();
  assert.deepEqual(heard, ["b failed: new"]);
  mock.timers.reset();
});
