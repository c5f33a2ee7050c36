/** Which intents this very mesh supports, by its version and features; why not, and what to do instead. */
import { query } from "@/api/client";
import { Empty, Loaded } from "@/shared/Page";
import { State } from "@/shared/State";
import { Table } from "@/shared/Table";

export function IntentMatrix({ mesh }: { mesh: string }) {
  const read = query.useQuery("get", "/v1/meshes/{id}/intents", { params: { path: { id: mesh } } });
  return (
    <Loaded of={read}>
      {({ intents, version, features }) => (
        <>
          <p className="soft">For version {version || "unknown"}{features.length > 0 && `, with ${features.join(", ")}`}.</p>
          <Table
            label="Intents"
            rows={intents}
            keyOf={(row) => row.intent}
            columns={[
              { id: "supported", head: "", cell: (row) => <State state={row.supported ? "yes" : "no"} tone={row.supported ? "ok" : "idle"} />, width: "5rem" },
              { id: "intent", head: "Intent", cell: (row) => <code>{row.intent}</code> },
              { id: "since", head: "Since", cell: (row) => row.since, optional: true },
              { id: "because", head: "Because", cell: (row) => <span className="wrap">{row.because}</span> },
              { id: "instead", head: "Instead", cell: (row) => <span className="wrap">{row.instead}</span> },
            ]}
            empty={<Empty title="The adapter announces no intents." />}
          />
        </>
      )}
    </Loaded>
  );
}
