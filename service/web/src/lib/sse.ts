/** The events of a streamed answer to a POST, which EventSource cannot send. */

export interface ServerSent {
  type: string;
  data: string;
}

/** Splits text that arrives in pieces into events. Text without a blank line after it is kept for the next piece. */
export function eventReader(): (piece: string) => ServerSent[] {
  let rest = "";
  return (piece) => {
    const parts = (rest + piece).replaceAll("\r\n", "\n").split("\n\n");
    rest = parts.pop() ?? "";
    return parts.map(parse).filter((event) => event !== null);
  };
}

function parse(block: string): ServerSent | null {
  let type = "message";
  const lines: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const [field, value] = colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    if (field === "event") type = value;
    else if (field === "data") lines.push(value);
  }
  return lines.length ? { type, data: lines.join("\n") } : null;
}

export async function* eventsOf(response: Response): AsyncGenerator<ServerSent> {
  const read = eventReader();
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* read(decoder.decode(value, { stream: true }));
  }
}
