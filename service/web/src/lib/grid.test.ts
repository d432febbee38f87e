import assert from "node:assert/strict";
import { test } from "node:test";
import { axesOf, cellName, cellsOf, label, placeOf, pointsOf, presentOf, runLabel, shortNames } from "./grid.ts";

const AXES = axesOf({ "model.cell.hidden": [8, 16], "training.optimizer.lr": [0.1, 0.2, 0.3] });

test("the last path changes fastest, and repeats faster still", () => {
  const places = Array.from({ length: 12 }, (_, index) => placeOf(index, AXES, 2).join());
  assert.deepEqual(places, ["0,0", "0,0", "0,1", "0,1", "0,2", "0,2", "1,0", "1,0", "1,1", "1,1", "1,2", "1,2"]);
});

test("a run is called by what it varies", () => {
  assert.equal(runLabel(11, AXES, 2), "hidden=16, lr=0.3, repeat 2");
  assert.equal(runLabel(1, axesOf({ "model.cell.gates": [["reset"], []] }), 1), "none");
  assert.equal(runLabel(1, [], 2), "repeat 2");
  assert.equal(runLabel(0, [], 1), "");
});

test("a path is called by as much of its end as tells it from the others", () => {
  const names = shortNames(["model.cell.kind", "training.optimizer.kind", "training.epochs"]);
  assert.deepEqual([...names.values()], ["cell.kind", "optimizer.kind", "epochs"]);
});

test("values are shown in few words", () => {
  const told = [null, ["reset", "update"], [], 0.5, { kind: "gru", hidden: 8 }, true].map(label);
  assert.deepEqual(told, ["off", "reset+update", "none", "0.5", "gru hidden=8", "true"]);
});

test("a cell goes by its name, and its equations are not told", () => {
  const equations = "h' = tanh(W @ x)";
  const cells = [
    { kind: "mgu", hidden: 8 },
    { kind: "equations", name: "mine", hidden: 8, equations },
    { kind: "equations", equations },
    { kind: "equations", name: null, equations: `${equations} + b` },
  ];
  const [axis] = axesOf({ "model.cell": cells });
  assert.deepEqual(axis!.labels, ["mgu hidden=8", "mine hidden=8", "equations", "equations (2)"]);
  assert.deepEqual(cells.map(cellName), ["mgu", "mine", "equations", "equations"]);
  assert.equal(cellName(null), "cell");
  assert.deepEqual(axesOf({ lr: [0.1, 0.1] })[0]!.labels, ["0.1", "0.1"], "equal values are one");
});

test("a cell is the mean of its repeats, of those that have measured something", () => {
  const measured = Array.from({ length: 12 }, (_, index) => ({
    index,
    run: `r${index}`,
    value: index === 1 ? null : index,
  }));
  const { cells } = cellsOf(measured, AXES, 2, 0, 1, [0, 0]);
  assert.deepEqual(
    cells.map((row) => row.map((cell) => cell.mean)),
    [
      [0, 2.5, 4.5],
      [6.5, 8.5, 10.5],
    ],
  );
  assert.deepEqual(
    cells[1]![2]!.runs.map((one) => one.run),
    ["r10", "r11"],
  );
});

test("other axes are held where they are fixed, and axes may change places", () => {
  const axes = axesOf({ a: [1, 2], b: [1, 2], c: [1, 2] });
  const measured = Array.from({ length: 8 }, (_, index) => ({ index, run: "", value: index }));
  const means = (rows: number, columns: number | null, fixed: number[]) =>
    cellsOf(measured, axes, 1, rows, columns, fixed).cells.map((row) => row.map((cell) => cell.mean));
  assert.deepEqual(means(0, 2, [0, 1, 0]), [
    [2, 3],
    [6, 7],
  ]);
  assert.deepEqual(means(2, 0, [0, 0, 0]), [
    [0, 4],
    [1, 5],
  ]);
  assert.deepEqual(means(1, null, [1, 0, 1]), [[5], [7]]);
});

test("values that no run has get neither row nor column", () => {
  const axes = axesOf({ lr: [0.1, 0.1, 0.2], hidden: [8, 16, 8] });
  const indexes = [0, 1, 6, 7];
  const measured = indexes.map((index) => ({ index, run: `r${index}`, value: index }));
  assert.equal(pointsOf(axes), 9);
  assert.deepEqual(presentOf(indexes, axes, 1), [
    [0, 2],
    [0, 1],
  ]);
  const { rows, columns, cells } = cellsOf(measured, axes, 1, 0, 1, [0, 0]);
  assert.deepEqual(
    [rows, columns],
    [
      [0, 2],
      [0, 1],
    ],
  );
  assert.deepEqual(
    cells.map((row) => row.map((cell) => cell.mean)),
    [
      [0, 1],
      [6, 7],
    ],
  );
});

test("what failed is there, but in no mean", () => {
  const axes = axesOf({ lr: [1, 2] });
  const measured = [
    { index: 0, run: "a", value: 5, failed: null },
    { index: 1, run: "b", value: 1e30, failed: "diverged" },
    { index: 2, run: "c", value: null, failed: "diverged" },
    { index: 3, run: "d", value: 1e9, failed: "diverged" },
  ];
  const { cells } = cellsOf(measured, axes, 2, 0, null, [0]);
  assert.deepEqual(
    cells.map(([cell]) => [cell!.mean, cell!.runs.map((one) => one.run)]),
    [
      [5, ["a", "b"]],
      [null, ["c", "d"]],
    ],
  );
});
