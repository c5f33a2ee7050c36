/**
 * The live events in a tab: from the shared worker, or (where the browser has none) from a stream of its own.
 *
 * Invariant: a listener gets every event once, in order; after a `reset` it reads its data again.
 */
import { useEffect, useSyncExternalStore } from "react";
import { BASE } from "@/api/client";
import type { Event, FeedState } from "./feed";
import type { FromWorker, ToWorker } from "./protocol";
import { Streams } from "./streams";

export type { Event } from "./feed";

export interface Listener {
  events?(events: Event[]): void;
  reset?(reason: string): void;
}

const listeners = new Set<Listener>();
const watchers = new Set<() => void>();
let state: FeedState = "connecting";
let interruptions = 0;
let send: ((message: ToWorker) => void) | null = null;

function take(message: FromWorker): void {
  if (message.kind === "events") for (const each of listeners) each.events?.(message.events);
  if (message.kind === "reset") for (const each of listeners) each.reset?.(message.reason);
  if (message.kind === "state") {
    if (message.state === "live" && state !== "live" && message.resumed) interruptions += 1;
    state = message.state;
    for (const each of watchers) each();
  }
}

function connect(): (message: ToWorker) => void {
  if (typeof SharedWorker === "undefined") return new Streams().join(take);
  const worker = new SharedWorker(new URL("./stream.worker.ts", import.meta.url), { type: "module", name: "events" });
  worker.port.onmessage = (message: MessageEvent<FromWorker>) => take(message.data);
  return (message) => worker.port.postMessage(message);
}

/** Follow a workspace's events in this tab, until the returned function is called. */
export function follow(workspace: string): () => void {
  send ??= connect();
  const tell = send;
  const visibility = (): void => tell({ kind: "visible", visible: document.visibilityState === "visible" });
  const leave = (): void => tell({ kind: "leave" });
  tell({ kind: "watch", url: new URL("v1/events", BASE).href, workspace });
  visibility();
  document.addEventListener("visibilitychange", visibility);
  window.addEventListener("pagehide", leave);
  return () => {
    document.removeEventListener("visibilitychange", visibility);
    window.removeEventListener("pagehide", leave);
    leave();
  };
}

export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Calls the listener while the component is shown. */
export function useEvents(listener: Listener): void {
  useEffect(() => listen(listener), [listener]);
}

/** The state of the stream, and how often it was resumed after an interruption. */
export function useFeedState(): { state: FeedState; interruptions: number } {
  const subscribe = (call: () => void): (() => void) => {
    watchers.add(call);
    return () => watchers.delete(call);
  };
  const snapshot = useSyncExternalStore(subscribe, () => `${state} ${interruptions}`);
  const [name, count] = snapshot.split(" ");
  return { state: name as FeedState, interruptions: Number(count) };
}
