/** One event as a line; its payload opens on demand. */
import { Link } from "@tanstack/react-router";
import { memo, useState, type Ref } from "react";
import type { Event } from "@/live/live";
import { Time } from "@/shared/Time";
import "./events.css";

/** `dev.meshwright.operation.started.v1` as `operation.started`. */
export function shortType(type: string): string {
  return type.replace(/^dev\.meshwright\./, "").replace(/\.v\d+$/, "");
}

interface Props {
  ref: Ref<HTMLLIElement>;
  event: Event;
  index: number;
  count: number;
  /** pixels below the beginning of the list */
  top: number;
  onOpen?(): void;
}

export const EventRow = memo(function EventRow({ ref, event, index, count, top, onOpen }: Props) {
  const [open, setOpen] = useState(false);
  const toggled = (now: boolean): void => {
    setOpen(now);
    if (now) onOpen?.();
  };
  return (
    <li ref={ref} className="event-row" data-entity={event.entity_id} data-index={index} aria-posinset={index + 1} aria-setsize={count} style={{ top }}>
      <details onToggle={({ currentTarget }) => toggled(currentTarget.open)}>
        <summary>
          <Time at={event.time} />
          <code>{shortType(event.type)}</code>
          <span className="name">{event.title || event.entity_id}</span>
          <span className="soft">{event.origin}</span>
        </summary>
        {open && <Payload event={event} />}
      </details>
    </li>
  );
});

function Payload({ event }: { event: Event }) {
  return (
    <>
      <pre className="code" tabIndex={0}>{JSON.stringify(event.data, null, 2)}</pre>
      <p className="row">
        <Link to="/events/$event" params={{ event: String(event.id) }}>Event {event.id}</Link>
        {event.entity === "operation" && <Link to="/operations/$operation" params={{ operation: event.entity_id }}>Its operation</Link>}
        {event.trace_id && <Link to="/events" search={{ view: "log", trace_id: event.trace_id }}>Same trace</Link>}
      </p>
    </>
  );
}
