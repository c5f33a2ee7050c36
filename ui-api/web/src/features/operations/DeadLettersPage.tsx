import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, begun, query, type Schemas } from "@/api/client";
import { Confirm } from "@/shared/Confirm";
import { Dialog } from "@/shared/Dialog";
import { ChoiceFilter, flags, queryString } from "@/shared/Filters";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded, Page } from "@/shared/Page";
import { PAGED, rowsOf } from "@/shared/paging";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";

const deadLettersRoute = getRouteApi("/deadletters");

type Letter = Schemas["DeadLetterRecord"];

const COLUMNS: Column<Letter>[] = [
  { id: "state", head: "State", cell: (row) => <State state={row.state} tone={row.state === "open" ? "failing" : "ok"} /> },
  { id: "id", head: "Operation", cell: (row) => <Link to="/deadletters" search={(before) => ({ ...before, letter: row.id })}>{row.id}</Link> },
  { id: "reason", head: "Why", cell: (row) => <span className="name">{row.reason}</span> },
  { id: "adapter", head: "Adapter", cell: (row) => row.adapter, optional: true },
  { id: "deliveries", head: "Tries", cell: (row) => row.deliveries, align: "end", optional: true },
  { id: "stored", head: "Since", cell: (row) => <Time at={row.stored_at} />, align: "end" },
];

export function DeadLettersPage() {
  const { letter, ...filters } = deadLettersRoute.useSearch();
  const navigate = deadLettersRoute.useNavigate();
  const set = (change: Record<string, string | undefined>): void =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const filter = { ...filters, state: filters.state as Letter["state"] | undefined, page_size: 100 };
  const list = query.useInfiniteQuery("get", "/v1/deadletters", { params: { query: filter } }, PAGED);
  const rows = rowsOf(list.data);
  return (
    <Page
      title="Dead letters"
      readAt={list.dataUpdatedAt}
      equivalent={{ cli: `deadletters list${flags(filters)}`, request: `GET /v1/deadletters${queryString(filters)}`, data: rows, rows, name: "deadletters" }}
    >
      <p className="soft">Commands that no worker could finish or read. Each is kept until somebody replays or drops it.</p>
      <div className="filters">
        <ChoiceFilter label="State" value={filters.state} choices={["open", "replayed"]} onChange={(state) => set({ state })} />
      </div>
      <Loaded of={list}>
        {() => (
          <Table
            label="Dead letters"
            rows={rows}
            columns={COLUMNS}
            keyOf={(row) => row.id}
            onEnd={() => list.hasNextPage && void list.fetchNextPage()}
            empty={<Empty title="No dead letters: every command was finished or refused." command="meshwright operations list" />}
          />
        )}
      </Loaded>
      {letter && <Letter id={letter} onClose={() => set({ letter: undefined })} />}
    </Page>
  );
}

function Letter({ id, onClose }: { id: string; onClose(): void }) {
  const read = query.useQuery("get", "/v1/deadletters/{id}", { params: { path: { id } } });
  const [asking, setAsking] = useState<"replay" | "drop" | null>(null);
  const navigate = useNavigate();
  const params = (reason: string) => ({ params: { path: { id }, query: { reason } } });
  const replay = async (reason: string): Promise<void> => {
    const { data } = await api.POST("/v1/deadletters/{id}:replay", params(reason));
    await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  const drop = async (reason: string): Promise<void> => {
    await api.DELETE("/v1/deadletters/{id}", params(reason));
    onClose();
  };
  return (
    <Dialog title={`Dead letter ${id}`} open size="wide" onClose={onClose}>
      <Loaded of={read}>
        {({ letter, command, unreadable, raw }) => (
          <>
            <p>{letter.reason}</p>
            {unreadable && <p>It cannot be read: {unreadable}</p>}
            <pre className="code" tabIndex={0}>{command ? JSON.stringify(command, null, 2) : raw}</pre>
            <div className="row end">
              <Link className="button" to="/operations/$operation" params={{ operation: id }}>Its operation</Link>
              <Guarded role="operator" tone="danger" onClick={() => setAsking("drop")}>Drop</Guarded>
              <Guarded role="operator" tone="primary" because={command ? "" : "It cannot be read, so it cannot be run again."} onClick={() => setAsking("replay")}>Replay</Guarded>
            </div>
          </>
        )}
      </Loaded>
      <Confirm title="Replay this command?" action="Replay" open={asking === "replay"} onClose={() => setAsking(null)} onConfirm={replay}>
        <p>A new operation with the same arguments takes its place.</p>
      </Confirm>
      <Confirm title="Drop this command?" action="Drop it" danger open={asking === "drop"} onClose={() => setAsking(null)} onConfirm={drop}>
        <p>It leaves this list for good; the stream keeps it.</p>
      </Confirm>
    </Dialog>
  );
}
