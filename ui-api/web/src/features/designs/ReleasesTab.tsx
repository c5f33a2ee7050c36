/** What was applied where, by whom and why, with its inventory; an earlier revision applied again, or all of it undone. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, begun, query, sending, type Schemas } from "@/api/client";
import { Confirm } from "@/shared/Confirm";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { PAGED, rowsOf } from "@/shared/paging";
import { State } from "@/shared/State";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { refName } from "./ResourceDiffs";

type Release = Schemas["Release"];

/** How many proxies have taken what was applied; nothing where the mesh does not say. */
function taken(proxies: Release["proxies"]): string {
  if (!proxies) return "";
  const refusing = proxies.refusing.length ? `, ${proxies.refusing.length} refuse` : "";
  return `${proxies.taken} of ${proxies.sent} took it${refusing}${proxies.unconfirmed ? ", not all were asked" : ""}`;
}

export function ReleasesTab({ id }: { id: string }) {
  const list = query.useInfiniteQuery("get", "/v1/designs/{id}/releases", { params: { path: { id }, query: { page_size: 100 } } }, PAGED);
  const [asking, setAsking] = useState<{ what: "rollback" | "remove"; release: Release } | null>(null);
  const navigate = useNavigate();
  const confirm = async (reason: string): Promise<void> => {
    if (!asking) return;
    const { mesh, revision } = asking.release;
    const path = { id };
    const { data } =
      asking.what === "rollback"
        ? await api.POST("/v1/designs/{id}:rollback", { params: { path }, body: sending<Schemas["Rollback"]>({ mesh, revision, reason }) })
        : await api.POST("/v1/designs/{id}:remove", { params: { path }, body: sending<Schemas["OnMesh"]>({ mesh, reason }) });
    await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  const columns: Column<Release>[] = [
    { id: "state", head: "State", cell: (row) => <State state={row.state} tone={row.state === "applied" ? "ok" : "idle"} />, width: "9rem" },
    { id: "mesh", head: "Mesh", cell: (row) => row.mesh },
    { id: "revision", head: "Revision", cell: (row) => row.revision, align: "end" },
    { id: "when", head: "Applied", cell: (row) => <Time at={row.applied_at} /> },
    { id: "who", head: "By", cell: (row) => row.principal, optional: true },
    { id: "why", head: "Why", cell: (row) => <span className="wrap">{row.reason}</span>, optional: true },
    {
      id: "inventory",
      head: "Resources",
      cell: (row) => (
        <details>
          <summary>{row.inventory.length}</summary>
          <ul className="plain">{row.inventory.map((each) => <li key={refName(each)} className="mono name">{refName(each)}</li>)}</ul>
        </details>
      ),
    },
    { id: "proxies", head: "Proxies", cell: (row) => taken(row.proxies), optional: true },
    {
      id: "actions",
      head: "",
      cell: (row) =>
        row.state === "applied" ? (
          <Guarded role="operator" tone="danger" onClick={() => setAsking({ what: "remove", release: row })}>Remove from {row.mesh}</Guarded>
        ) : (
          <Guarded role="operator" onClick={() => setAsking({ what: "rollback", release: row })}>Apply {row.revision} again</Guarded>
        ),
    },
  ];
  return (
    <>
      <Loaded of={list}>
        {() => (
          <Table
            label="Releases"
            rows={rowsOf(list.data)}
            columns={columns}
            keyOf={(row) => row.id}
            onEnd={() => list.hasNextPage && void list.fetchNextPage()}
            empty={<Empty title="It has not been applied anywhere." command={`meshwright apply ${id}.yaml --mesh demo --wait`} />}
          />
        )}
      </Loaded>
      <Confirm
        title={asking?.what === "remove" ? `Remove from ${asking.release.mesh}?` : `Apply revision ${asking?.release.revision ?? ""} again?`}
        action={asking?.what === "remove" ? "Remove" : "Roll back"}
        danger={asking?.what === "remove"}
        open={asking !== null}
        onClose={() => setAsking(null)}
        onConfirm={confirm}
      >
        <p>{asking?.what === "remove" ? "Everything in its inventory goes; the design itself stays." : "The mesh becomes what that revision made of it."}</p>
      </Confirm>
    </>
  );
}
