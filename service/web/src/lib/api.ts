/** The API, with types from its own description: a call that the API would refuse does not compile. */
import createClient from "openapi-fetch";
import type { Readable } from "openapi-typescript-helpers";
import type { components, paths } from "./schema";

export const api = createClient<paths>();

type Schemas = components["schemas"];
export type Job = Readable<Schemas["Job"]>;
export type JobSpec = Schemas["JobSpec"];
export type Run = Readable<Schemas["Run"]>;
export type RunSpec = Readable<Schemas["RunSpec"]>;
export type RunCurve = Readable<Schemas["RunCurve"]>;
export type Plan = Readable<Schemas["Plan"]>;
export type Report = Readable<Schemas["Report"]>;
export type Corpus = Readable<Schemas["Corpus"]>;
export type Checkpoint = Readable<Schemas["Checkpoint"]>;
export type Sample = Readable<Schemas["Sample"]>;
export type SamplesPage = Readable<Schemas["Page_Sample_"]>;
export type CompletionRequest = Schemas["CompletionRequest"];
export type Completion = Readable<Schemas["Completion"]>;
export type Metrics = Readable<Schemas["Page_Evaluation_"]>;
export type Gates = Readable<Schemas["Gates"]>;
export type GatesRequest = Schemas["GatesRequest"];
export type State = Job["state"];
/** The events of a job: the data of the messages in its stream. */
export type JobEvent = Readable<Schemas["JobEvent"]>;
export type Evaluation = Extract<JobEvent, { type: "evaluation" }>;

export interface Fault {
  path: string;
  message: string;
}

/** An error of the service (RFC 9457), or that it cannot be reached. */
export class Problem extends Error {
  readonly status: number;
  readonly faults: readonly Fault[];

  constructor(status: number, detail: string, faults: readonly Fault[] = []) {
    super(detail);
    this.status = status;
    this.faults = faults;
  }

  static from(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (error instanceof TypeError) return new Problem(0, "The service cannot be reached.");
    return new Problem(0, error instanceof Error ? error.message : String(error));
  }
}

export function problemOf(status: number, body: unknown): Problem {
  const told = (body ?? {}) as { detail?: string; problems?: Fault[]; error?: { message?: string } };
  const detail = told.detail ?? told.error?.message ?? `The service answered with status ${status}.`;
  return new Problem(status, detail, told.problems ?? []);
}

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws if the answer is a problem. */
export async function data<Data>(asked: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
  const { data, error, response } = await asked.catch((reason: unknown) => {
    throw Problem.from(reason);
  });
  if (!response.ok) throw problemOf(response.status, error);
  return data as NonNullable<Data>;
}
