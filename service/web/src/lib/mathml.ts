/** The service's typeset equations, copied into the page element by element. Nothing else is copied. */

export const NAMESPACE = "http://www.w3.org/1998/Math/MathML";

/** Element -> the attributes that it may have. None of them can load or run anything. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  ...{ math: ["display"], mtable: ["columnalign"], mtr: [], mtd: [], mrow: [] },
  ...{ mi: [], mn: [], mo: ["stretchy"], msub: [], mfrac: [], msqrt: [] },
};

/** The properties that this module reads of an element or a text. */
export interface Source {
  readonly nodeType: number;
  readonly nodeValue: string | null;
  readonly localName?: string;
  readonly namespaceURI?: string | null;
  readonly attributes?: Iterable<{ readonly name: string; readonly value: string }>;
  readonly childNodes: Iterable<Source>;
}

/** Creates the copied elements and texts. */
export interface Maker<Made> {
  element(name: string, attributes: ReadonlyMap<string, string>, children: readonly Made[]): Made;
  text(text: string): Made;
}

const ELEMENT = 1;
const TEXT = 3;

/** A copy with known elements only; null if there is any other element, which the service never sends. */
export function adopted<Made>(source: Source, make: Maker<Made>): Made | null {
  if (source.nodeType === TEXT) return make.text(source.nodeValue ?? "");
  const name = source.localName ?? "";
  const known = Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined;
  if (source.nodeType !== ELEMENT || source.namespaceURI !== NAMESPACE || !known) return null;
  const attributes = new Map<string, string>();
  for (const { name: attribute, value } of source.attributes ?? []) {
    if (attribute === "xmlns") continue;
    if (!known.includes(attribute)) return null;
    attributes.set(attribute, value);
  }
  const children: Made[] = [];
  for (const child of source.childNodes) {
    const made = adopted(child, make);
    if (made === null) return null;
    children.push(made);
  }
  return make.element(name, attributes, children);
}

/** The elements of a text in MathML; null if it is not MathML, or has more than equations need. */
export function mathOf(text: string): Node | null {
  const { documentElement: root } = new DOMParser().parseFromString(text, "application/xml");
  if (root.localName !== "math") return null;
  return adopted<Node>(root as unknown as Source, {
    text: (content) => document.createTextNode(content),
    element(name, attributes, children) {
      const made = document.createElementNS(NAMESPACE, name);
      for (const [attribute, value] of attributes) made.setAttribute(attribute, value);
      made.append(...children);
      return made;
    },
  });
}
