/** Server-sent events that outlive lost connections, restarts of the service, and being out of sight. */

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
 * A lost connection is made again after the last event that came: by the browser, which sends Last-Event-ID, or here
 * where the browser gave up. A hidden page holds no connection, since a browser allows six per host.
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
