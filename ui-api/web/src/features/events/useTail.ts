/**
 * The live events that pass the filters, from the moment that the page is opened.
 *
 * Invariant: what arrives between two frames is drawn once; while somebody reads further down, nothing moves.
 */
import { useEffect, useState } from "react";
import { listen, type Event } from "@/live/live";
import { matches, type EventFilters } from "./matching";
import { arrived, EMPTY, resumed, type Tail } from "./tail";

/** pixels from which on somebody reads further down */
const SCROLLED_PX = 160;

export function useTail(filters: EventFilters): { tail: Tail; paused: boolean; setPaused(paused: boolean): void } {
  const [tail, setTail] = useState(EMPTY);
  const [paused, setPaused] = useState(false);
  useEffect(() => setTail(EMPTY), [filters]);
  useEffect(() => {
    let passing: Event[] = [];
    let frame = 0;
    const draw = (): void => {
      const events = passing;
      [passing, frame] = [[], 0];
      setTail((before) => arrived(before, events, paused));
    };
    const stop = listen({
      events: (events) => {
        passing = passing.concat(events.filter((event) => matches(event, filters)));
        if (passing.length) frame ||= requestAnimationFrame(draw);
      },
      reset: () => setTail((before) => ({ ...before, resets: before.resets + 1 })),
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
      if (passing.length) draw();
    };
  }, [filters, paused]);
  useEffect(() => {
    const scrolled = (): void => {
      if (window.scrollY > SCROLLED_PX) setPaused(true);
    };
    window.addEventListener("scroll", scrolled, { passive: true });
    return () => window.removeEventListener("scroll", scrolled);
  }, []);
  const pause = (next: boolean): void => {
    setPaused(next);
    if (!next) setTail(resumed);
  };
  return { tail, paused, setPaused: pause };
}
