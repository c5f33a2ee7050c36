/** What a tab and the shared worker say to each other. */
import type { Event, FeedState } from "./feed";

export type ToWorker =
  | { kind: "watch"; url: string; workspace: string }
  /** a hidden tab costs nothing: when all are hidden the stream is closed, and resumed afterwards */
  | { kind: "visible"; visible: boolean }
  | { kind: "leave" };

export type FromWorker =
  | { kind: "events"; events: Event[] }
  | { kind: "reset"; reason: string }
  | { kind: "state"; state: FeedState; resumed: boolean };
