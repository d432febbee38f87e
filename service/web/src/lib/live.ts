/** Server-sent events that survive lost connections, restarts of the service, and hidden pages. */

export interface Message {
  type: string;
  data: unknown;
}

export interface Following {
  /** The address of the stream after the event with this number. */
  address: (after: number) => string;
  after?: number;
  types: readonly string[];
  receive: (message: Message) => void;
  /** Called when a connection opens, and when it is lost. */
  connected?: (is: boolean) => void;
}

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/**
 * Follows a stream until the returned function is called.
 *
 * A lost connection resumes after the last event: the browser reconnects with Last-Event-ID, or this code does if the
 * browser gave up. A hidden page keeps no connection, since a browser allows only six per host.
 */
export function follow(what: Following): () => void {
  let after = what.after ?? 0;
  let wait = FIRST_WAIT;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource | undefined;

  function open(): void {
    close();
    const stream = new EventSource(what.address(after));
    source = stream;
    stream.onopen = () => {
      wait = FIRST_WAIT;
      what.connected?.(true);
    };
    stream.onerror = () => {
      what.connected?.(false);
      if (stream.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    };
    for (const type of what.types) stream.addEventListener(type, (event) => take(stream, type, event));
  }

  function take(stream: EventSource, type: string, event: MessageEvent<string>): void {
    if (stream !== source) return;
    if (event.lastEventId) after = Number(event.lastEventId);
    what.receive({ type, data: JSON.parse(event.data) });
  }

  function close(): void {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  }

  const look = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    close();
  };
}
