/**
 * The API's event stream, read once: reconnects with backoff and resumes behind the last event.
 *
 * Problem: `EventSource` hides the status of a refusal and reconnects without a limit. Invariant: no event is delivered
 * twice, none is skipped without a `reset`, and a stream that was refused for want of a session is not asked for again.
 */
import { createParser } from "eventsource-parser";
import type { components } from "@/api/schema";

export type Event = components["schemas"]["Event"];
export type FeedState = "connecting" | "live" | "waiting" | "signed-out";

export interface Handlers {
  event(event: Event): void;
  reset(reason: string, position: number): void;
  state(state: FeedState, resumed: boolean): void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** The server sends a comment at least every 15 s. */
const SILENCE_MS = 40_000;

export class Feed {
  #position: number | null = null;
  #pause = FIRST_PAUSE_MS;
  #abort: AbortController | null = null;
  #running = false;
  #wake: (() => void) | null = null;

  constructor(
    private readonly url: string,
    private readonly workspace: string,
    private readonly handlers: Handlers,
  ) {}

  /** Continue where it stopped. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  /** Close the connection and keep the position. */
  stop(): void {
    this.#running = false;
    this.#abort?.abort();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.handlers.state("connecting", this.#position !== null);
      try {
        if (!(await this.#follow())) return;
      } catch {
        // The connection broke: it is opened again below.
      }
      if (!this.#running) return;
      this.handlers.state("waiting", true);
      await this.#sleep(this.#pause * (0.5 + Math.random()));
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Reads until the connection ends. Returns false when there is no use in another one. */
  async #follow(): Promise<boolean> {
    const abort = new AbortController();
    this.#abort = abort;
    let silence = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream", "Meshwright-Workspace": this.workspace };
      if (this.#position !== null) headers["Last-Event-ID"] = String(this.#position);
      const response = await fetch(this.url, { headers, credentials: "same-origin", signal: abort.signal, cache: "no-store" });
      if (response.status === 401 || response.status === 403) {
        this.#running = false;
        this.handlers.state("signed-out", false);
        return false;
      }
      if (!response.ok || !response.body) return true;
      const parser = createParser({ onEvent: (message) => this.#take(message.event, message.data, message.id) });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      this.handlers.state("live", this.#position !== null);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return true;
        this.#pause = FIRST_PAUSE_MS;
        clearTimeout(silence);
        silence = setTimeout(() => abort.abort(), SILENCE_MS);
        this.#notePosition(value);
        parser.feed(value);
      }
    } finally {
      clearTimeout(silence);
      abort.abort();
    }
  }

  /** The first frame is an id without an event, so that nothing is missed if the connection breaks before the first one. */
  #notePosition(text: string): void {
    if (this.#position !== null) return;
    const first = /^id: (\d+)$/m.exec(text);
    if (first) this.#position = Number(first[1]);
  }

  #take(name: string | undefined, data: string, id: string | undefined): void {
    const position = Number(id ?? Number.NaN);
    if (name === "reset") {
      const reason = (JSON.parse(data) as { reason: string }).reason;
      if (Number.isFinite(position)) this.#position = position;
      this.handlers.reset(reason, position);
      return;
    }
    const event = JSON.parse(data) as Event;
    if (this.#position !== null && event.id <= this.#position) return;
    this.#position = event.id;
    this.handlers.event(event);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
