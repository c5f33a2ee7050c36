/**
 * Which reads an event makes stale. Only what is on the screen is read again, at most once a second per read, and the
 * read waits until the views contain the event.
 */
import type { QueryClient } from "@tanstack/react-query";
import { listen, type Event } from "./live";

/** entity of an event → beginnings of the paths whose answers it may change */
const CHANGED: Record<string, string[]> = {
  adapter: ["/v1/adapters", "/v1/overview"],
  connection: ["/v1/connections", "/v1/overview"],
  delivery: ["/v1/webhooks"],
  design: ["/v1/designs"],
  drift: ["/v1/drift", "/v1/designs", "/v1/overview"],
  mesh: ["/v1/meshes", "/v1/overview"],
  operation: ["/v1/operations", "/v1/deadletters", "/v1/overview"],
  proxy: ["/v1/proxies", "/v1/overview"],
  release: ["/v1/releases", "/v1/designs", "/v1/overview"],
  resource: ["/v1/resources"],
  token: ["/v1/tokens"],
  webhook: ["/v1/webhooks"],
  workload: ["/v1/workloads"],
  workspace: ["/v1/workspaces"],
};
const PAUSE_MS = 1000;
/** Measured traffic comes for every mesh every few seconds; the charts ask for it at their own pace. */
const MEASURED = "dev.meshwright.edges.measured.v1";
const OFTEN = /topology|series|metrics/;

let newest = 0;

/** The newest event that was seen: a read that asks for at least this includes it. */
export function newestEvent(): number {
  return newest;
}

export function stalePaths(events: Event[]): Set<string> {
  const paths = new Set<string>();
  for (const event of events) {
    if (event.type === MEASURED) continue;
    for (const path of CHANGED[event.entity] ?? []) paths.add(path);
  }
  return paths;
}

/** Keep the reads on the screen up to date, until the returned function is called. */
export function refreshing(client: QueryClient): () => void {
  let waiting = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const flush = (): void => {
    timer = null;
    const stale = waiting;
    waiting = new Set();
    const concerned = (path: unknown): boolean =>
      typeof path === "string" && !OFTEN.test(path) && [...stale].some((each) => path.startsWith(each));
    void client.invalidateQueries({ predicate: (query) => concerned(query.queryKey[1]) });
  };
  const stop = listen({
    events(events) {
      newest = Math.max(newest, events[events.length - 1]?.id ?? 0);
      for (const path of stalePaths(events)) waiting.add(path);
      if (waiting.size && !timer) timer = setTimeout(flush, PAUSE_MS);
    },
    reset() {
      newest = 0;
      void client.invalidateQueries();
    },
  });
  return () => {
    if (timer) clearTimeout(timer);
    stop();
  };
}
