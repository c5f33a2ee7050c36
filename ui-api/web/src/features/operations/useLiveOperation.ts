/** Keeps one operation on the screen at the pace of its events: its steps are seen as they happen. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { listen, type Event } from "@/live/live";

const PAUSE_MS = 200;

export function useLiveOperation(id: string): void {
  const client = useQueryClient();
  const concerned = useMemo(() => (event: Event) => event.entity === "operation" && event.entity_id === id, [id]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    const again = (): void => {
      timer = null;
      void client.invalidateQueries({
        predicate: ({ queryKey }) => queryKey[1] === "/v1/operations/{id}" || queryKey[1] === "/v1/events",
      });
    };
    const stop = listen({
      events: (events) => {
        if (events.some(concerned)) timer ??= setTimeout(again, PAUSE_MS);
      },
    });
    return () => {
      if (timer) clearTimeout(timer);
      stop();
    };
  }, [client, concerned]);
}
