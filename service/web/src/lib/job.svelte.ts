/** A running job: its facts, the curves of its runs, and the changes of each since they were fetched. */
import { type Job, type JobEvent, Problem, type Run, type RunCurve, api, data } from "./api";
import { extend } from "./lines";
import { type Message, follow } from "./live";
import { type Patch, hasEnded, patched } from "./patch";

/** The compiler checks that none is missing. */
const TYPES = Object.keys({
  ...{ job_created: 0, run_started: 0, state: 0, progress: 0, evaluation: 0, sample: 0 },
  ...{ compiling: 0, checkpoint_corrupt: 0 },
  ...{ run_succeeded: 0, run_failed: 0, run_cancelled: 0, job_finished: 0 },
} satisfies Record<JobEvent["type"], 0>);

/** The number of points of a curve that are fetched; all points that arrive later are kept. */
const POINTS = 300;
/** Milliseconds between two updates of the page, at least: a grid may report hundreds of times a second. */
const FLUSH = 500;
const REFRESH = 2000;

export class LiveJob {
  job = $state.raw<Job | null>(null);
  problem = $state.raw<Problem | null>(null);
  connected = $state(true);
  /** Grows whenever `curves`, `patches` or `failures` have changed. */
  version = $state(0);
  curves: RunCurve[] = [];
  readonly patches = new Map<string, Patch>();
  /** Why runs failed, by their ids. */
  readonly failures = new Map<string, NonNullable<Run["error"]>>();
  readonly id: string;
  readonly #listeners = new Set<(event: JobEvent) => void>();
  readonly #byRun = new Map<string, RunCurve>();
  /** Settled once the job is loaded, or there is a problem. */
  loaded: Promise<unknown> = Promise.resolve();
  #flush: ReturnType<typeof setTimeout> | undefined;
  #refresh: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string) {
    this.id = id;
  }

  get finished(): boolean {
    return this.job !== null && hasEnded(this.job.state);
  }

  /** Fetches the job and follows it. Returns a function that ends this. With `curves` false, it follows only events. */
  start(curves = true): () => void {
    let stop = () => {};
    let ended = false;
    this.loaded = this.#load(curves).then((job) => {
      if (!job || ended || this.finished) return;
      stop = follow({
        address: (after) => `/v1/jobs/${this.id}/events?after=${after}`,
        after: job.event,
        types: TYPES,
        receive: (message) => {
          this.#receive(message);
          if (message.type === "job_finished") stop();
        },
        connected: (is) => (this.connected = is),
      });
    });
    return () => {
      ended = true;
      stop();
      clearTimeout(this.#flush);
      clearTimeout(this.#refresh);
    };
  }

  /** Calls `listener` with every event that comes. */
  listen(listener: (event: JobEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The job is fetched first, so that everything fetched afterwards includes its latest event. */
  async #load(curves: boolean): Promise<Job | null> {
    try {
      const job = await data(api.GET("/v1/jobs/{job}", { params: { path: { job: this.id } } }));
      if (curves) {
        const query = { points: POINTS };
        const page = await data(api.GET("/v1/jobs/{job}/metrics", { params: { path: { job: this.id }, query } }));
        this.curves = page.data;
        for (const curve of this.curves) this.#byRun.set(curve.run, curve);
        if (job.runs.failed) await this.#fetchFailures();
      }
      this.job = job;
      this.version += 1;
      return job;
    } catch (error) {
      this.problem = Problem.from(error);
      return null;
    }
  }

  async #fetchFailures(): Promise<void> {
    const query = { job: this.id, state: "failed" as const, limit: 1000 };
    const page = await data(api.GET("/v1/runs", { params: { query } }));
    for (const run of page.data) if (run.error) this.failures.set(run.id, run.error);
  }

  #receive({ data }: Message): void {
    const event = data as JobEvent;
    this.#patch(event);
    for (const listener of this.#listeners) listener(event);
    this.#flush ??= setTimeout(() => {
      this.#flush = undefined;
      this.version += 1;
    }, FLUSH);
    if (event.type === "job_finished") void this.#fetchJob();
    else this.#refresh ??= setTimeout(() => void this.#fetchJob(), REFRESH);
  }

  #patch(event: JobEvent): void {
    if (!event.run) return;
    this.patches.set(event.run, patched(this.patches.get(event.run), event));
    if (event.type === "run_failed" && event.error) this.failures.set(event.run, event.error);
    const curve = this.#byRun.get(event.run);
    if (event.type === "evaluation" && curve) extend(curve, event);
  }

  async #fetchJob(): Promise<void> {
    clearTimeout(this.#refresh);
    this.#refresh = undefined;
    try {
      this.job = await data(api.GET("/v1/jobs/{job}", { params: { path: { job: this.id } } }));
    } catch (error) {
      // While the service is away, the stream reports it, and later sends the missing events.
      if (Problem.from(error).status === 404) this.problem = Problem.from(error);
    }
  }
}
