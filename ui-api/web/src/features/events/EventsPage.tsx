import { getRouteApi, Link } from "@tanstack/react-router";
import { Pause, Play } from "lucide-react";
import { useMemo } from "react";
import { useFeedState } from "@/live/live";
import { ChoiceFilter, queryString, TextFilter } from "@/shared/Filters";
import { Page } from "@/shared/Page";
import { Tabs } from "@/shared/Tabs";
import { asCommand } from "./asCommand";
import { EventLog } from "./EventLog";
import { EventList } from "./EventList";
import { useTail } from "./useTail";

const eventsRoute = getRouteApi("/events");

const ENTITIES = ["adapter", "connection", "delivery", "design", "drift", "mesh", "operation", "proxy", "release", "resource", "token", "webhook", "workload", "workspace"];

export function EventsPage() {
  const { view = "live", ...search } = eventsRoute.useSearch();
  const key = JSON.stringify(search);
  // The same object as long as it says the same: what is below is drawn anew only for other filters.
  const filters = useMemo(() => JSON.parse(key) as typeof search, [key]);
  const navigate = eventsRoute.useNavigate();
  const set = (change: Record<string, string | undefined>): void =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <Page
      title="Events"
      equivalent={{ cli: asCommand(view, filters), request: `GET /v1/events${queryString(filters)}`, name: "events" }}
    >
      <div className="filters">
        <ChoiceFilter label="About" value={filters.entity} choices={ENTITIES} onChange={(entity) => set({ entity })} />
        <TextFilter label="Type" value={filters.type} placeholder="dev.meshwright.operation" onChange={(type) => set({ type })} />
        <TextFilter label="Id" value={filters.id} onChange={(id) => set({ id })} />
        <TextFilter label="Text" value={filters.text} onChange={(text) => set({ text })} />
        {filters.operation && <button className="button" onClick={() => set({ operation: undefined })}>All operations</button>}
        {filters.trace_id && <button className="button" onClick={() => set({ trace_id: undefined })}>All traces</button>}
      </div>
      <Tabs
        label="Live or stored"
        value={view}
        onChange={(next) => set({ view: next })}
        tabs={[
          { id: "live", title: "Live", content: <LiveTail filters={filters} /> },
          { id: "log", title: "Log", content: <EventLog filters={filters} /> },
        ]}
      />
    </Page>
  );
}

function LiveTail({ filters }: { filters: Parameters<typeof useTail>[0] }) {
  const { tail, paused, setPaused } = useTail(filters);
  const { interruptions } = useFeedState();
  const change = (): void => {
    if (paused) window.scrollTo({ top: 0 });
    setPaused(!paused);
  };
  return (
    <>
      <div className="row tail-state" role="status">
        <button className="button" onClick={change}>
          {paused ? <Play aria-hidden size={14} /> : <Pause aria-hidden size={14} />}
          {paused ? `Catch up${tail.waiting.length ? ` (${tail.waiting.length})` : ""}` : "Pause"}
        </button>
        <span className="soft">{tail.shown.length} events since this page was opened{paused ? ", paused." : "; opening one or scrolling pauses."}</span>
        {tail.dropped > 0 && (
          <span className="soft">
            {tail.dropped} older ones are no longer shown here: <Link to="/events" search={{ ...filters, view: "log" }}>the log has them</Link>.
          </span>
        )}
        {interruptions > 0 && (
          <span className="soft" data-interruptions={interruptions}>
            The stream was interrupted {interruptions} times and went on behind the last event: nothing is missing, nothing is shown twice.
          </span>
        )}
        {tail.resets > 0 && <strong>The server skipped events {tail.resets} times: they were too many or too old. The log has them.</strong>}
      </div>
      {tail.shown.length ? (
        <EventList label="Live events" events={tail.shown} onOpen={() => setPaused(true)} />
      ) : (
        <p className="soft">Events appear here as they happen.</p>
      )}
      <h2>Before this page was opened</h2>
      <EventLog filters={filters} before={tail.first} />
    </>
  );
}
