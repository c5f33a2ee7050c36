/** The raw events of one operation, newest first. */
import { Link } from "@tanstack/react-router";
import { query } from "@/api/client";
import { EventRow } from "@/features/events/EventRow";
import { Empty, Loaded } from "@/shared/Page";

export function OperationEvents({ id }: { id: string }) {
  const read = query.useQuery("get", "/v1/events", { params: { query: { operation: [id], page_size: 200 } } });
  return (
    <Loaded of={read}>
      {({ items }) =>
        items.length ? (
          <>
            <p className="soft">
              {items.length} events. <Link to="/events" search={{ operation: id }}>Search them in the log</Link>
            </p>
            <ol className="plain event-list">{items.map((event) => <EventRow key={event.id} event={event} />)}</ol>
          </>
        ) : (
          <Empty title="Its events are no longer kept." />
        )
      }
    </Loaded>
  );
}
