/** One event as a line; its payload opens on demand. */
import { Link } from "@tanstack/react-router";
import type { Event } from "@/live/live";
import { Time } from "@/shared/Time";
import "./events.css";

/** `dev.meshwright.operation.started.v1` as `operation.started`. */
export function shortType(type: string): string {
  return type.replace(/^dev\.meshwright\./, "").replace(/\.v\d+$/, "");
}

export function EventRow({ event }: { event: Event }) {
  return (
    <li className="event-row" data-entity={event.entity_id}>
      <details>
        <summary>
          <Time at={event.time} />
          <code>{shortType(event.type)}</code>
          <span className="name">{event.title || event.entity_id}</span>
          <span className="soft">{event.origin}</span>
        </summary>
        <pre className="code" tabIndex={0}>{JSON.stringify(event.data, null, 2)}</pre>
        <p className="row">
          <Link to="/events/$event" params={{ event: String(event.id) }}>Event {event.id}</Link>
          {event.entity === "operation" && (
            <Link to="/operations/$operation" params={{ operation: event.entity_id }}>Its operation</Link>
          )}
          {event.trace_id && <Link to="/events" search={{ view: "log", trace_id: event.trace_id }}>Same trace</Link>}
        </p>
      </details>
    </li>
  );
}
