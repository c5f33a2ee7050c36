/** The stored events that pass the filters, newest first, page by page; with `before` those before that event. */
import { memo } from "react";
import { query } from "@/api/client";
import { Empty, Loaded } from "@/shared/Page";
import { PAGED, rowsOf } from "@/shared/paging";
import { EventList } from "./EventList";
import type { EventFilters } from "./matching";

export const EventLog = memo(function EventLog({ filters, before = Infinity }: { filters: EventFilters; before?: number }) {
  const { entity, type, id, operation, text, trace_id } = filters;
  const list = (value: string | undefined): string[] | undefined => (value ? [value] : undefined);
  const asked = { entity: list(entity), type: list(type), id: list(id), operation: list(operation), text, trace_id, page_size: 100 };
  const read = query.useInfiniteQuery("get", "/v1/events", { params: { query: asked } }, PAGED);
  const events = rowsOf(read.data).filter((event) => event.id < before);
  return (
    <Loaded of={read}>
      {() =>
        events.length ? (
          <>
            <EventList label="Stored events" events={events} />
            {read.hasNextPage && (
              <button className="button" disabled={read.isFetchingNextPage} onClick={() => void read.fetchNextPage()}>Older events</button>
            )}
          </>
        ) : (
          <Empty title="No stored event matches these filters." command="meshwright events search --limit 20" />
        )
      }
    </Loaded>
  );
});
