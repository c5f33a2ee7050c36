/** The raw events of one operation, newest first. */
import { Link } from "@tanstack/react-router";
import { query } from "@/api/client";
import { EventList } from "@/features/events/EventList";
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
            <EventList label="Events of this operation" events={items} />
          </>
        ) : (
          <Empty title="Its events are no longer kept." />
        )
      }
    </Loaded>
  );
}
