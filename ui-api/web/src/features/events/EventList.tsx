/**
 * Events as a list of which only the rows in sight are in the page, however many there are.
 *
 * Invariant: a row keeps its place while nothing is put before it; what is opened is measured, and moves what is below.
 */
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState, type Key, type RefObject } from "react";
import type { Event } from "@/live/live";
import { EventRow } from "./EventRow";

const ROW_PX = 35;
/** rows beside those in sight: what the keyboard reaches next is there */
const BESIDE = 8;

interface Props {
  label: string;
  events: Event[];
  /** called when somebody opens a row */
  onOpen?(): void;
}

export function EventList({ label, events, onOpen }: Props) {
  const box = useRef<HTMLOListElement>(null);
  const top = useTop(box);
  const virtual = useWindowVirtualizer({
    count: events.length,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => events[index]?.id ?? index,
    scrollMargin: top,
    overscan: BESIDE,
  });
  useEffect(() => forget(virtual.itemSizeCache, events), [virtual, events]);
  return (
    <ol ref={box} className="plain event-list" aria-label={label} style={{ height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map(({ index, key, start }) => {
        const event = events[index];
        if (!event) return null;
        return (
          <EventRow
            key={key}
            ref={virtual.measureElement}
            event={event}
            index={index}
            count={events.length}
            top={start - top}
            onOpen={onOpen}
          />
        );
      })}
    </ol>
  );
}

/** The library keeps the size of every row that it has ever measured: those of events that are gone are of no use. */
function forget(sizes: Map<Key, number>, events: Event[]): void {
  if (sizes.size <= 2 * events.length) return;
  const there = new Set<Key>(events.map((event) => event.id));
  for (const key of sizes.keys()) if (!there.has(key)) sizes.delete(key);
}

/** How far below the page's beginning it stands, also when what is above it grows. */
function useTop(box: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = (): void => setTop((box.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    measure();
    const grown = new ResizeObserver(measure);
    grown.observe(document.body);
    return () => grown.disconnect();
  }, [box]);
  return top;
}
