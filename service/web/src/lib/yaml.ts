/** Specs as YAML, and YAML as specs. */
import { Document, isScalar, isSeq, parse, visit } from "yaml";

/** YAML 1.2, as the command line reads it. */
export function fromYaml(text: string): unknown {
  return parse(text, { version: "1.2" });
}

/** Lists of plain values are on one line, as people write them; texts of several lines keep their lines. */
export function toYaml(spec: unknown): string {
  const document = new Document(spec, { version: "1.2" });
  visit(document, {
    Seq(_, list) {
      list.flow = list.items.every((item) => isScalar(item) || isSeq(item));
    },
  });
  return document.toString({ blockQuote: "literal", flowCollectionPadding: false, lineWidth: 100 });
}
