import { getRouteApi, Link } from "@tanstack/react-router";
import { query } from "@/api/client";
import { Loaded, Page } from "@/shared/Page";
import { Time } from "@/shared/Time";
import { shortType } from "./EventRow";

const eventRoute = getRouteApi("/events/$event");

export function EventPage() {
  const { event: id } = eventRoute.useParams();
  const read = query.useQuery("get", "/v1/events/{id}", { params: { path: { id } } });
  const shown = read.data;
  return (
    <Page
      title={shown ? shortType(shown.type) : `Event ${id}`}
      readAt={read.dataUpdatedAt}
      equivalent={{ cli: `events show ${id}`, request: `GET /v1/events/${id}`, data: shown, name: `event-${id}` }}
    >
      <Loaded of={read}>
        {(event) => (
          <>
            {event.title && <p>{event.title}</p>}
            <dl className="facts">
              <dt>About</dt>
              <dd>
                {event.entity}{" "}
                {event.entity === "operation" ? (
                  <Link to="/operations/$operation" params={{ operation: event.entity_id }}>{event.entity_id}</Link>
                ) : (
                  <span className="name">{event.entity_id}</span>
                )}
              </dd>
              <dt>When</dt>
              <dd><Time at={event.time} /> <span className="soft">{event.time}</span></dd>
              <dt>From</dt>
              <dd>{event.origin} <span className="soft">{event.source}</span></dd>
              <dt>Type</dt>
              <dd><code>{event.type}</code></dd>
              <dt>Trace</dt>
              <dd>{event.trace_id ? <Link to="/events" search={{ view: "log", trace_id: event.trace_id }}>{event.trace_id}</Link> : "–"}</dd>
            </dl>
            <pre className="code" tabIndex={0}>{JSON.stringify(event.data, null, 2)}</pre>
          </>
        )}
      </Loaded>
    </Page>
  );
}
