/** The system itself: its servers, how far the views lag, and messages that could not be projected. */
import { useQuery } from "@tanstack/react-query";
import { BASE, query, type Schemas } from "@/api/client";
import { useRefusal } from "@/api/session";
import { Empty, Loaded } from "@/shared/Page";
import { State } from "@/shared/State";
import { Table } from "@/shared/Table";
import { bytes } from "@/shared/numbers";
import { Time } from "@/shared/Time";

type Readiness = Schemas["Readiness"];
const PARTS = [
  ["bus", "NATS answers"],
  ["storing", "NATS stores what is written"],
  ["store", "MongoDB answers"],
  ["directory", "The API has read the streams"],
  ["views", "The views are up to date"],
] as const;

async function readiness(): Promise<Readiness> {
  // Not ready is an answer too, with status 503.
  const response = await fetch(new URL("readyz", BASE), { cache: "no-store" });
  return (await response.json()) as Readiness;
}

export function System() {
  const read = useQuery({ queryKey: ["get", "/readyz"], queryFn: readiness, refetchInterval: 5000 });
  const refused = useRefusal("admin", true);
  return (
    <>
      <Loaded of={read}>
        {(ready) => (
          <div className="grid">
            <section className="card">
              <h2><State state={ready.ready ? "ready" : "failing"} /></h2>
              <ul className="plain stack">
                {PARTS.map(([part, title]) => (
                  <li key={part}>
                    <State state={ready[part].ok ? "ok" : "failing"}>{title}</State> <span className="soft">{ready[part].detail || `${ready[part].milliseconds.toFixed(0)} ms`}</span>
                  </li>
                ))}
              </ul>
            </section>
            <section className="card">
              <h2>Views</h2>
              <dl className="facts">
                <dt>Events behind</dt><dd>{ready.behind ?? "unknown"}</dd>
                <dt>Age</dt><dd>{ready.age === null ? "unknown" : `${ready.age} s`}</dd>
                <dt>Streams nearly full</dt><dd>{ready.full.join(", ") || "none"}</dd>
              </dl>
              <p className="soft">A rebuild reads every view anew from the streams: <code>meshwright projection rebuild</code></p>
            </section>
          </div>
        )}
      </Loaded>
      <Streams />
      <h2>Messages set aside</h2>
      {refused ? <p className="soft">{refused}</p> : <SetAside />}
    </>
  );
}

function Streams() {
  const read = query.useQuery("get", "/v1/system", {}, { refetchInterval: 5000 });
  return (
    <Loaded of={read}>
      {({ streams, adapters, projection }) => (
        <>
          <h2>Streams</h2>
          <Table
            label="Streams"
            rows={streams}
            keyOf={(row) => row.name}
            columns={[
              { id: "name", head: "Stream", cell: (row) => row.name },
              { id: "messages", head: "Messages", cell: (row) => row.messages.toLocaleString(), align: "end" },
              { id: "bytes", head: "Size", cell: (row) => bytes(row.bytes), align: "end" },
              { id: "room", head: "Room", cell: (row) => (row.limit_bytes > 0 ? bytes(row.limit_bytes) : "no limit"), align: "end", optional: true },
              { id: "fill", head: "Full", cell: (row) => <State state={`${Math.round(row.fill * 100)} %`} tone={row.rolling || row.fill < 0.8 ? "ok" : row.fill < 0.95 ? "warning" : "failing"} />, align: "end" },
              { id: "lag", head: "Not yet in the views", cell: (row) => projection.streams.find((each) => each.stream === row.name)?.behind ?? "–", align: "end" },
            ]}
            empty={<Empty title="NATS told nothing of its streams." />}
          />
          <h2>Workers</h2>
          <Table
            label="Workers"
            rows={adapters}
            keyOf={(row) => row.name}
            columns={[
              { id: "name", head: "Adapter", cell: (row) => row.name },
              { id: "workers", head: "Workers", cell: (row) => row.workers.length, align: "end" },
              { id: "versions", head: "Versions", cell: (row) => <>{row.versions.join(", ")} {row.versions.length > 1 && <State state="warning">several</State>}</> },
              { id: "open", head: "Open operations", cell: (row) => row.open_operations, align: "end" },
              { id: "failure", head: "Failure", cell: (row) => <span className="name">{row.failure}</span>, when: (row) => row.failure },
            ]}
            empty={<Empty title="No worker has announced itself." />}
          />
        </>
      )}
    </Loaded>
  );
}

function SetAside() {
  const read = query.useQuery("get", "/v1/system/set-aside", { params: { query: { page_size: 100 } } });
  return (
    <Loaded of={read}>
      {({ items }) => (
        <Table
          label="Messages set aside"
          rows={items}
          keyOf={(row) => `${row.stream} ${row.seq}`}
          columns={[
            { id: "stream", head: "Stream", cell: (row) => `${row.stream} ${row.seq}` },
            { id: "type", head: "Type", cell: (row) => <code>{row.type}</code> },
            { id: "reason", head: "Why", cell: (row) => <span className="wrap">{row.reason}</span> },
            { id: "time", head: "When", cell: (row) => <Time at={row.time} />, align: "end" },
          ]}
          empty={<Empty title="Every message could be projected." />}
        />
      )}
    </Loaded>
  );
}
