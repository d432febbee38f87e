import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlowNode, flowOf } from "./flow.ts";
import { type Box, placed } from "./layers.ts";

/** Builds the graph of a cell, as the API tells it. */
class Graph {
  readonly nodes: FlowNode[] = [];

  add(op: string, operands: number[] = [], name = "", value = 0): number {
    return this.nodes.push({ op, operands, name, value }) - 1;
  }

  /** `W_i @ x + U_i @ operand + b_i` */
  affine(index: string, operand: number): number {
    const product = this.add("@", [operand], `U_${index}`);
    const sum = this.add("+", [this.add("read", [], `W_${index}`), product]);
    return this.add("+", [sum, this.add("parameter", [], `b_${index}`)]);
  }

  gate(name: string, index: string, operand: number): number {
    return this.add("gate", [this.add("sigmoid", [this.affine(index, operand)])], name);
  }
}

function gru(): [FlowNode[], string[], number[]] {
  const graph = new Graph();
  const h = graph.add("state", [], "h");
  const [reset, update] = [graph.gate("reset", "r", h), graph.gate("update", "z", h)];
  const candidate = graph.add("tanh", [graph.affine("c", graph.add("*", [reset, h]))]);
  const rest = graph.add("-", [graph.add("number", [], "", 1), update]);
  const sum = graph.add("+", [graph.add("*", [update, h]), graph.add("*", [rest, candidate])]);
  return [graph.nodes, ["h"], [sum]];
}

function lstm(): [FlowNode[], string[], number[]] {
  const graph = new Graph();
  const h = graph.add("state", [], "h");
  const [input, forget, output] = ["input", "forget", "output"].map((name) => graph.gate(name, name[0]!, h));
  const candidate = graph.add("tanh", [graph.affine("g", h)]);
  const kept = graph.add("*", [forget!, graph.add("state", [], "c")]);
  const c = graph.add("+", [kept, graph.add("*", [input!, candidate])]);
  return [graph.nodes, ["h", "c"], [graph.add("*", [output!, graph.add("tanh", [c])]), c]];
}

test("a GRU is a dozen pieces: its gates with what they are made of, its products, what joins them", () => {
  const pieces = flowOf(...gru());
  assert.deepEqual(
    pieces.map((piece) => [piece.kind, piece.text, ...(piece.detail ? [piece.detail] : [])].join(" ")),
    [
      ...["state h", "product U_r", "gate reset σ(W_r x + · + b_r)", "product U_z", "gate update σ(W_z x + · + b_z)"],
      ...["function ×", "product U_c", "function tanh(W_c x + · + b_c)", "function 1 −", "function ×", "function ×"],
      ...["function +", "after h'"],
    ],
  );
  const named = new Map(pieces.map((piece) => [piece.id, piece]));
  const reset = pieces.find((piece) => piece.text === "reset")!;
  assert.deepEqual(
    reset.from.map((id) => named.get(id)!.text),
    ["U_r"],
  );
});

test("a normalization shows its means, which several pieces read", () => {
  const graph = new Graph();
  const sum = graph.affine("c", graph.add("state", [], "h"));
  const centred = graph.add("-", [sum, graph.add("mean", [sum])]);
  const variance = graph.add("mean", [graph.add("*", [centred, centred])]);
  const deviation = graph.add("sqrt", [graph.add("+", [variance, graph.add("number", [], "", 0.00001)])]);
  const pieces = flowOf(graph.nodes, ["h"], [graph.add("/", [centred, deviation])]);
  assert.deepEqual(
    pieces.map((piece) => piece.text),
    ["h", "U_c", "W_c x + · + b_c", "mean", "−", "mean(· × ·)", "√(· + 0.00001)", "÷", "h'"],
  );
});

test("a state that nothing changes, an input alone, and what leads nowhere", () => {
  const graph = new Graph();
  const kept = graph.add("state", [], "m");
  const read = graph.add("read", [], "W");
  graph.add("tanh", [kept]);
  const pieces = flowOf(graph.nodes, ["h", "m"], [read, kept]);
  assert.deepEqual(
    pieces.map((piece) => piece.text),
    ["m", "W x", "h'", "m'"],
  );
  assert.equal(placed(boxesOf(pieces)).ways.length, 2);
});

test("texts say what is computed, with parentheses where they are needed", () => {
  const text = (build: (graph: Graph, h: number, p: number) => number) => {
    const graph = new Graph();
    const [h, p] = [graph.add("state", [], "h"), graph.add("parameter", [], "p")];
    return flowOf(graph.nodes, ["h"], [build(graph, h, p)]).find((piece) => piece.kind === "function")!.text;
  };
  assert.equal(
    text((graph, h, p) => graph.add("*", [p, h])),
    "p ×",
  );
  assert.equal(
    text((graph, h, p) => graph.add("+", [p, h])),
    "+ p",
  );
  assert.equal(
    text((graph, h) => graph.add("*", [h, h])),
    "square",
  );
  assert.equal(
    text((graph, h, p) => graph.add("max", [h, graph.add("negative", [p])])),
    "max(·, − p)",
  );
  const scaled = (graph: Graph, h: number, p: number) => graph.add("*", [graph.add("+", [p, p]), h]);
  assert.equal(text(scaled), "(p + p) ×");
  const eight = (graph: Graph, h: number) =>
    graph.add("-", [h, graph.add("negative", [graph.add("number", [], "", 8)])]);
  assert.equal(text(eight), "− −8");
});

function boxesOf(pieces: ReturnType<typeof flowOf>): Box[] {
  return pieces.map(({ id, from, kind, text }) => ({
    ...{ id, from, width: 20 + 6 * text.length, height: kind === "gate" ? 40 : 28 },
    ...(kind === "state" && { at: "first" as const }),
    ...(kind === "after" && { at: "last" as const }),
  }));
}

for (const [name, cell, most] of [
  ["GRU", gru(), 4],
  ["LSTM", lstm(), 8],
] as const) {
  test(`the drawing of a ${name} goes from left to right, and nothing lies on anything else`, () => {
    const boxes = boxesOf(flowOf(...cell));
    const { boxes: places, ways, width, height } = placed(boxes);
    const size = new Map(boxes.map((box) => [box.id, box]));
    for (const box of boxes) {
      const { x, y } = places.get(box.id)!;
      assert.ok(x - box.width / 2 >= 0 && x + box.width / 2 <= width, "inside, across");
      assert.ok(y - box.height / 2 >= 0 && y + box.height / 2 <= height, "inside, down");
      for (const other of boxes) {
        if (other === box) continue;
        const beside = Math.abs(places.get(other.id)!.x - x) >= (box.width + other.width) / 2;
        const below = Math.abs(places.get(other.id)!.y - y) >= (box.height + other.height) / 2;
        assert.ok(beside || below, `${box.id} and ${other.id}`);
      }
    }
    for (const { from, to, points } of ways) {
      const xs = points.map((point) => point.x);
      assert.deepEqual(
        xs,
        xs.toSorted((a, b) => a - b),
      );
      assert.equal(xs[0], places.get(from)!.x + size.get(from)!.width / 2);
      assert.equal(xs.at(-1), places.get(to)!.x - size.get(to)!.width / 2);
      assert.equal(points.length % 2, 0);
    }
    assert.ok(crossed(ways.map((way) => way.points)) <= most, `${crossed(ways.map((way) => way.points))} crossings`);
    for (const at of ["first", "last"] as const) {
      const columns = new Set(boxes.filter((box) => box.at === at).map((box) => places.get(box.id)!.x));
      assert.equal(columns.size, 1, `${at}: one column`);
    }
  });
}

/** How often two ways change sides between the same two columns. */
function crossed(ways: readonly (readonly { x: number; y: number }[])[]): number {
  const parts = ways.flatMap((points) => points.flatMap((from, at) => (at % 2 ? [] : [{ from, to: points[at + 1]! }])));
  const unique = [...new Map(parts.map((part) => [JSON.stringify(part), part])).values()];
  return unique.flatMap((one, at) =>
    unique.slice(at + 1).filter((other) => {
      const together = Math.abs(one.to.x - other.to.x) < 60 && Math.abs(one.from.x - other.from.x) < 60;
      return together && (one.from.y - other.from.y) * (one.to.y - other.to.y) < -1e-9;
    }),
  ).length;
}

test("any graph within the bounds of a cell is placed within a moment", () => {
  const boxes: Box[] = Array.from({ length: 60 }, (_, at) => ({
    ...{ id: String(at), width: 40, height: 28 },
    from: [at - 1, at - 7, at % 5].filter((from) => from >= 0 && from < at).map(String),
  }));
  const begun = performance.now();
  const { boxes: places } = placed(boxes);
  assert.ok(performance.now() - begun < 2000);
  assert.equal(places.size, 60);
  assert.ok([...places.values()].every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
});
