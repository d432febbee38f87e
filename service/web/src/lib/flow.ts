/** The computation of a cell as few pieces to draw: its states, products, gates, and connections. */

export interface FlowNode {
  op: string;
  operands: readonly number[];
  name: string;
  value: number;
}

export interface Piece {
  id: string;
  kind: "state" | "after" | "product" | "gate" | "function";
  /** The label. A name may have an index: `W_r`. */
  text: string;
  /** For a gate: how it is computed. `·` stands for the output of another piece. */
  detail: string;
  /** The pieces from which it is computed. */
  from: readonly string[];
}

/** Longer texts without a state in them are pieces of their own; so are longer sums. */
const SHORT = 14;
const LONG = 32;

const SLOT = "·";
const SIGNS: Readonly<Record<string, string>> = { "+": "+", "-": "−", "*": "×", "/": "÷" };
const NAMES: Readonly<Record<string, string>> = { sigmoid: "σ", sqrt: "√" };
const LEAVES = new Set(["read", "parameter", "number"]);
const ALONE = new Set(["state", "@", "gate"]);

/** An expression: its text, its precedence (0 for a sum, 1 for a product), and the pieces that it needs. */
interface Said {
  text: string;
  level: 0 | 1 | 2;
  from: readonly number[];
}

/**
 * The pieces, each after those from which it is computed.
 *
 * Products with the input, biases and numbers are part of the sum to which they belong; a gate includes its sigmoid.
 */
export function flowOf(nodes: readonly FlowNode[], states: readonly string[], after: readonly number[]): Piece[] {
  const said: Said[] = [];
  const alone: boolean[] = [];
  const consumers = nodes.map(() => new Set<number>());
  nodes.forEach((node, at) => node.operands.forEach((operand) => consumers[operand]!.add(at)));

  /** How the node at `place` appears inside another expression. */
  function inside(place: number, level = 0): string {
    if (alone[place]) return SLOT;
    const { text, level: own } = said[place]!;
    return own < level ? `(${text})` : text;
  }

  nodes.forEach((node, at) => {
    const from = node.operands.flatMap((operand) => (alone[operand] ? [operand] : said[operand]!.from));
    said.push({ ...expression(node, inside), from: [...new Set(from)] });
    alone.push(isAlone(at));
  });

  function isAlone(at: number): boolean {
    const { op } = nodes[at]!;
    if (ALONE.has(op) || after.includes(at)) return true;
    if (LEAVES.has(op)) return false;
    const { text, from } = said[at]!;
    if (!from.length) return text.length > SHORT;
    const [consumer, ...others] = [...consumers[at]!].map((place) => nodes[place]!.op);
    if (consumer === undefined || others.length || text.length > LONG) return true;
    if (consumer in SIGNS) {
      const adds = consumer === "+" || consumer === "-";
      return !(adds && (op === "+" || op === "-" || (op in SIGNS && from.length === 1)));
    }
    if (consumer === "gate") return false;
    return !(op in SIGNS && consumer !== "@" && (op === "+" || op === "-" || from.length === 1));
  }

  const reached = reachable(nodes, after);
  const pieces = nodes.flatMap((node, at): Piece[] => {
    if (!alone[at] || !reached.has(at)) return [];
    const { text, from } = said[at]!;
    return [{ ...shown(node, text, from.length), id: String(at), from: from.map(String) }];
  });
  const ends = states.map((state, at): Piece => {
    return { id: `${state}'`, kind: "after", text: `${state}'`, detail: "", from: [String(after[at])] };
  });
  return [...pieces, ...ends];
}

function expression(node: FlowNode, inside: (place: number, level?: number) => string): Omit<Said, "from"> {
  const [left, right] = node.operands as [number, number];
  const { op, name } = node;
  if (op === "number") return { text: figure(node.value), level: node.value < 0 ? 0 : 2 };
  if (op === "read") return { text: `${name} x`, level: 2 };
  if (op === "parameter" || op === "state") return { text: name, level: 2 };
  if (op === "gate") return { text: inside(left), level: 2 };
  if (op === "@") return { text: inside(left) === SLOT ? name : `${name} ${inside(left, 2)}`, level: 2 };
  if (op === "negative" && /^\d/.test(inside(left))) return { text: `−${inside(left)}`, level: 1 };
  if (op === "negative") return { text: `− ${inside(left, 1)}`, level: 0 };
  if (op in SIGNS) {
    const level = op === "+" || op === "-" ? 0 : 1;
    const tighter = op === "+" || op === "*" ? level : level + 1;
    return { text: `${inside(left, level)} ${SIGNS[op]} ${inside(right, tighter)}`, level };
  }
  return { text: `${NAMES[op] ?? op}(${node.operands.map((operand) => inside(operand)).join(", ")})`, level: 2 };
}

/** The appearance of a piece. */
function shown(node: FlowNode, text: string, inputs: number): Pick<Piece, "kind" | "text" | "detail"> {
  if (node.op === "state") return { kind: "state", text: node.name, detail: "" };
  if (node.op === "@") return { kind: "product", text, detail: "" };
  if (node.op === "gate") return { kind: "gate", text: node.name, detail: text === SLOT ? "" : bare(text, inputs) };
  return { kind: "function", text: bare(text, inputs), detail: "" };
}

/** The text without the places of the inputs, if the result is unambiguous: `+`, `+ b`, `× p_i`, `1 −`, `tanh`. */
function bare(text: string, inputs: number): string {
  if (inputs === 1 && text === `${SLOT} × ${SLOT}`) return "square";
  if (/^·( \+ ·)+$/.test(text)) return "+";
  const sum = /^([^·]+) \+ ·$/.exec(text);
  if (sum) return `+ ${sum[1]}`;
  const call = /^([^\s(]+)\(·\)$/.exec(text);
  return call ? call[1]! : text.replace(/^· (?=[^·]*$|[−×÷] ·$)/, "").replace(/^([^·]*) ·$/, "$1");
}

function figure(value: number): string {
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

function reachable(nodes: readonly FlowNode[], from: readonly number[]): Set<number> {
  const found = new Set<number>();
  const open = [...from];
  while (open.length) {
    const at = open.pop()!;
    if (found.has(at)) continue;
    found.add(at);
    open.push(...nodes[at]!.operands);
  }
  return found;
}
