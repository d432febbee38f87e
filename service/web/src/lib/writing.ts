/** Text from a model: generated piece by piece, and the probability of each token of a text. */
import { type Completion, type CompletionRequest, Problem, api, data, problemOf } from "./api";
import { eventsOf } from "./sse.ts";

/** How tokens are chosen, as fields of the API; fields that are null are left out. */
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
  /** Text after the end that may begin a stop string. */
  held: string;
}

/** Where a text begins: after a prompt, or in a state that an earlier text ended with. */
export interface Beginning {
  prompt: string;
  state: string | null;
}

/** Generates text after `from`, and reports every piece as it arrives. */
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
  throw new Problem(0, "The service closed the connection before the end of the text.");
}

export interface Token {
  text: string;
  probability: number;
  /** The likeliest tokens at this place, in order. */
  likeliest: { text: string; probability: number }[];
}

export interface Judged {
  /** The tokens of the given text and of the text generated after it, as the model reads them. */
  tokens: Token[];
  /** The number of tokens that were given. */
  given: number;
}

/** The tokens of a text that continues `given`, each with its probability after those before it. */
export async function judge(model: string, given: string, text: string): Promise<Judged> {
  const body = { model, prompt: [given, given + text], max_tokens: 0, echo: true, logprobs: 5 };
  const told = (await data(api.POST("/v1/completions", { body: body as CompletionRequest }))) as Completion;
  const [before, whole] = told.choices.map((choice) => choice.logprobs);
  const tokens = (whole?.tokens ?? []).map((token, at) => ({
    text: token,
    probability: Math.exp(whole?.token_logprobs[at] ?? -Infinity),
    likeliest: Object.entries(whole?.top_logprobs?.[at] ?? {})
      .map(([other, log]) => ({ text: other, probability: Math.exp(log as number) }))
      .sort((a, b) => b.probability - a.probability),
  }));
  return { tokens, given: before?.tokens.length ?? 0 };
}
