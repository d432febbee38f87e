/** Sends requests about a text while the user types: after a pause, one at a time; only the newest counts. */

/** The pause before a request, in milliseconds. */
const PAUSE = 250;

export class Asking<Question, Answer> {
  private readonly ask: (question: Question) => Promise<Answer>;
  private readonly told: (answer: Answer, question: Question) => void;
  private readonly failed: (error: unknown, question: Question) => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private newest: Question | undefined;
  private busy = false;
  private due = false;

  /** `told` and `failed` are called only for the newest request: an older answer never replaces a newer one. */
  constructor(
    ask: (question: Question) => Promise<Answer>,
    told: (answer: Answer, question: Question) => void,
    failed: (error: unknown, question: Question) => void,
  ) {
    this.ask = ask;
    this.told = told;
    this.failed = failed;
  }

  /** Asks after a pause, unless another question comes first. */
  about(question: Question, pause = PAUSE): void {
    this.stop();
    this.newest = question;
    this.timer = setTimeout(() => {
      this.due = true;
      void this.go();
    }, pause);
  }

  /** Stops sending requests, and ignores the answer of a running one. */
  stop(): void {
    clearTimeout(this.timer);
    this.newest = undefined;
    this.due = false;
  }

  private async go(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    while (this.due) {
      const question = this.newest as Question;
      this.due = false;
      try {
        const answer = await this.ask(question);
        if (this.newest === question) this.told(answer, question);
      } catch (error) {
        if (this.newest === question) this.failed(error, question);
      }
    }
    this.busy = false;
  }
}
