/** Text from a model: written piece by piece, and how likely it finds each token of a text. */
import { type Completion, type CompletionRequest, Problem, api, data, problemOf } from "./api";
import { eventsOf } from "./sse.ts";

/** How tokens are chosen, as fields of the API; what is null is left out. */
export interface Sampling {
  max_tokens: number;
  temperature: number;
  top_k: number | null;
  top_p: number | null;
  min_p: number | null;
  repetition_penalty: number;
  seed: number | null;
}

export interface Ending {
  tokens: number;
  finish_reason: "stop" | "length";
  checkpoint: number;
  unknown_characters: number;
  state: string | null;
}

/** Where a text begins: after a prompt, or in a state that an earlier text ended with. */
export interface Beginning {
  prompt: string;
  state: string | null;
}

/** Writes after `from`, telling every piece as it comes. */
export async function write(
  model: string,
  from: Beginning,
  how: Sampling,
  piece: (text: string) => void,
  signal: AbortSignal,
): Promise<Ending> {
  const [run, step] = model.split("@");
  const given = Object.fromEntries(Object.entries(how).filter(([, value]) => value !== null));
  const checkpoint = step && !from.state ? { checkpoint: Number(step) } : {};
  const body = { ...given, ...checkpoint, prompt: from.prompt, state: from.state ?? true, stream: true };
  const response = await fetch(`/v1/runs/${run}/generate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw problemOf(response.status, await response.json());
  for await (const { type, data: text } of eventsOf(response)) {
    const told = JSON.parse(text) as { text: string };
    if (type === "done") return told as unknown as Ending;
    if (type === "error") throw problemOf(500, told);
    piece(told.text);
  }
  throw new Problem(0, "The service ended before the text did.");
}

export interface Token {
  text: string;
  probability: number;
  /** The likeliest tokens there, the first first. */
  likeliest: { text: string; probability: number }[];
}

/** The tokens of a text, each with its probability after those before it. */
export async function judge(model: string, text: string): Promise<Token[]> {
  const body = { model, prompt: text, max_tokens: 0, echo: true, logprobs: 5 } as CompletionRequest;
  const told = (await data(api.POST("/v1/completions", { body }))) as Completion;
  const logprobs = told.choices[0]?.logprobs;
  if (!logprobs) return [];
  return logprobs.tokens.map((token, at) => ({
    text: token,
    probability: Math.exp(logprobs.token_logprobs[at] ?? -Infinity),
    likeliest: Object.entries(logprobs.top_logprobs?.[at] ?? {})
      .map(([other, log]) => ({ text: other, probability: Math.exp(log as number) }))
      .sort((a, b) => b.probability - a.probability),
  }));
}
