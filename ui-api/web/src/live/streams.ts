/**
 * Shares one stream per workspace among the tabs that show it.
 *
 * Invariant: a stream is open while at least one visible tab shows its workspace. Events are handed over in batches, ten
 * times a second at most, so that a burst costs each tab one message.
 */
import { Feed, type Event } from "./feed";
import type { FromWorker, ToWorker } from "./protocol";

const BATCH_MS = 100;
type Send = (message: FromWorker) => void;

interface Tab {
  send: Send;
  visible: boolean;
  stream: Shared | null;
}

class Shared {
  readonly tabs = new Set<Tab>();
  #batch: Event[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #state: FromWorker | null = null;
  readonly feed: Feed;

  constructor(url: string, workspace: string) {
    this.feed = new Feed(url, workspace, {
      event: (event) => {
        this.#batch.push(event);
        this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
      },
      reset: (reason) => {
        this.#flush();
        this.#tell({ kind: "reset", reason });
      },
      state: (state, resumed) => {
        this.#state = { kind: "state", state, resumed };
        this.#tell(this.#state);
      },
    });
  }

  add(tab: Tab): void {
    this.tabs.add(tab);
    if (this.#state) tab.send(this.#state);
  }

  /** Open or close the connection, as its tabs need it. */
  settle(): void {
    if ([...this.tabs].some((tab) => tab.visible)) this.feed.start();
    else this.feed.stop();
  }

  #flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#batch.length) this.#tell({ kind: "events", events: this.#batch });
    this.#batch = [];
  }

  #tell(message: FromWorker): void {
    for (const tab of this.tabs) tab.send(message);
  }
}

export class Streams {
  #shared = new Map<string, Shared>();

  /** A new tab; returns what takes its messages. */
  join(send: Send): (message: ToWorker) => void {
    const tab: Tab = { send, visible: true, stream: null };
    return (message) => {
      if (message.kind === "visible") tab.visible = message.visible;
      if (message.kind === "leave") this.#leave(tab);
      if (message.kind === "watch") {
        this.#leave(tab);
        tab.stream = this.#stream(message.url, message.workspace);
        tab.stream.add(tab);
      }
      tab.stream?.settle();
    };
  }

  #stream(url: string, workspace: string): Shared {
    const key = `${workspace} ${url}`;
    const shared = this.#shared.get(key) ?? new Shared(url, workspace);
    this.#shared.set(key, shared);
    return shared;
  }

  #leave(tab: Tab): void {
    const stream = tab.stream;
    tab.stream = null;
    stream?.tabs.delete(tab);
    stream?.settle();
    if (stream && stream.tabs.size === 0) {
      for (const [key, shared] of this.#shared) if (shared === stream) this.#shared.delete(key);
    }
  }
}
