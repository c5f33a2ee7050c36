/** The live events that pass the filters, from the moment that the page is opened. */
import { useEffect, useState } from "react";
import { listen } from "@/live/live";
import { matches, type EventFilters } from "./matching";
import { arrived, EMPTY, resumed, type Tail } from "./tail";

export function useTail(filters: EventFilters): { tail: Tail; paused: boolean; setPaused(paused: boolean): void } {
  const [tail, setTail] = useState(EMPTY);
  const [paused, setPaused] = useState(false);
  const key = JSON.stringify(filters);
  useEffect(() => setTail(EMPTY), [key]);
  useEffect(() => {
    const wanted = JSON.parse(key) as EventFilters;
    return listen({
      events: (events) => {
        const passing = events.filter((event) => matches(event, wanted));
        setTail((before) => arrived(before, passing, paused));
      },
      reset: () => setTail((before) => ({ ...before, resets: before.resets + 1 })),
    });
  }, [key, paused]);
  const pause = (next: boolean): void => {
    setPaused(next);
    if (!next) setTail(resumed);
  };
  return { tail, paused, setPaused: pause };
}
