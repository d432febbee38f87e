import assert from "node:assert/strict";
import { test } from "node:test";
import { type Maker, NAMESPACE, type Source, adopted } from "./mathml.ts";

function text(nodeValue: string): Source {
  return { nodeType: 3, nodeValue, childNodes: [] };
}

function element(localName: string, attributes: Record<string, string>, ...childNodes: Source[]): Source {
  const given = Object.entries(attributes).map(([name, value]) => ({ name, value }));
  return { nodeType: 1, nodeValue: null, localName, namespaceURI: NAMESPACE, attributes: given, childNodes };
}

/** Writes what is taken over. */
const WRITER: Maker<string> = {
  text: (content) => content,
  element: (name, attributes, children) =>
    `<${name}${[...attributes].map(([at, value]) => ` ${at}=${value}`).join("")}>${children.join("")}</${name}>`,
};

const H = element("msub", {}, element("mi", {}, text("h")), element("mrow", {}, element("mi", {}, text("t"))));

function math(...inner: Source[]): Source {
  const table = element("mtable", { columnalign: "left" }, element("mtr", {}, element("mtd", {}, ...inner)));
  return element("math", { xmlns: NAMESPACE, display: "block" }, table);
}

test("equations are taken over as they are", () => {
  const parenthesis = element("mo", { stretchy: "false" }, text("("));
  assert.equal(
    adopted(math(H, parenthesis), WRITER),
    "<math display=block><mtable columnalign=left><mtr><mtd><msub><mi>h</mi><mrow><mi>t</mi></mrow></msub>" +
      "<mo stretchy=false>(</mo></mtd></mtr></mtable></math>",
  );
});

test("signs of a markup are text where they stand in a text", () => {
  assert.equal(adopted(text("<script>"), { ...WRITER, text: (content) => JSON.stringify(content) }), '"<script>"');
});

test("anything that equations do not need is refused, with all around it", () => {
  const foreign = { ...element("mi", {}), namespaceURI: "http://www.w3.org/1999/xhtml" };
  const comment: Source = { nodeType: 8, nodeValue: "h", childNodes: [] };
  for (const part of [
    ...["script", "maction", "annotation-xml", "semantics", "mglyph", "constructor"].map((name) => element(name, {})),
    ...["href", "onclick", "style", "xlink:href", "display"].map((name) => element("mi", { [name]: "x" }, text("h"))),
    ...[foreign, comment, element("mrow", {}, H, element("mtext", {}, text("h")))],
  ]) {
    assert.equal(adopted(math(H, part), WRITER), null, `${part.localName} ${JSON.stringify(part.attributes)}`);
  }
});
