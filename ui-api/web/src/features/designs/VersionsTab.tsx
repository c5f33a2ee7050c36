/** Every version with who wrote it, when and why; any two side by side; an old one restored as a new one. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { api, query, sending, type Schemas } from "@/api/client";
import { Confirm } from "@/shared/Confirm";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { PAGED, rowsOf } from "@/shared/paging";
import { Table, type Column } from "@/shared/Table";
import { Time } from "@/shared/Time";
import { plain } from "./plain";


const DiffEditor = lazy(() => import("./editor/DiffEditor"));
type Version = Schemas["DesignVersion"];

interface Props {
  id: string;
  etag: string;
  from: string;
  to: string;
  onCompare(from: string, to: string): void;
}

export function VersionsTab({ id, etag, from, to, onCompare }: Props) {
  const list = query.useInfiniteQuery("get", "/v1/designs/{id}/versions", { params: { path: { id }, query: { page_size: 100 } } }, PAGED);
  const rows = rowsOf(list.data);
  const newest = rows[0]?.version ?? 0;
  const [left, right] = [from || String(Math.max(newest - 1, 1)), to || String(newest)];
  const [restoring, setRestoring] = useState(0);
  const client = useQueryClient();
  const restore = async (reason: string): Promise<void> => {
    const body = sending<Schemas["Restore"]>({ version: restoring, reason });
    await api.POST("/v1/designs/{id}:restore", { params: { path: { id }, header: { "If-Match": etag } }, body });
    await client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[1]).startsWith("/v1/designs") });
  };
  const choice = (side: string, chosen: string, choose: (version: string) => void) => (row: Version) => (
    <input type="radio" name={side} aria-label={`${side}: version ${row.version}`} checked={String(row.version) === chosen} onChange={() => choose(String(row.version))} />
  );
  const columns: Column<Version>[] = [
    { id: "left", head: "Left", cell: choice("left", left, (next) => onCompare(next, right)), width: "3.5rem" },
    { id: "right", head: "Right", cell: choice("right", right, (next) => onCompare(left, next)), width: "3.5rem" },
    { id: "version", head: "Version", cell: (row) => `${row.version}${row.design ? "" : " (deleted)"}` },
    { id: "when", head: "When", cell: (row) => <Time at={row.written_at} /> },
    { id: "who", head: "Who", cell: (row) => row.principal },
    { id: "why", head: "Why", cell: (row) => <span className="wrap">{row.reason}</span> },
    {
      id: "restore",
      head: "",
      cell: (row) => (row.version === newest || !row.design ? null : <Guarded role="operator" onClick={() => setRestoring(row.version)}>Restore {row.version}</Guarded>),
    },
  ];
  return (
    <>
      <Loaded of={list}>
        {() => (
          <Table label="Versions" rows={rows} columns={columns} keyOf={(row) => String(row.version)} onEnd={() => list.hasNextPage && void list.fetchNextPage()} empty={<Empty title="No version has been saved." command={`meshwright apply ${id}.yaml --wait`} />} />
        )}
      </Loaded>
      {newest > 1 && <Comparison id={id} left={left} right={right} />}
      <Confirm title={`Restore version ${restoring}?`} action="Restore" open={restoring > 0} onClose={() => setRestoring(0)} onConfirm={restore}>
        <p>It is stored again as the newest version. No mesh is changed until it is applied.</p>
      </Confirm>
    </>
  );
}

function Comparison({ id, left, right }: { id: string; left: string; right: string }) {
  const one = useVersion(id, left);
  const other = useVersion(id, right);
  return (
    <section className="stack">
      <h2>Version {left} and version {right}</h2>
      <Loaded of={one}>
        {(before) => (
          <Loaded of={other}>
            {(after) => (before === after ? <p className="soft">They are alike.</p> : <Suspense><DiffEditor label="Versions" before={before} after={after} /></Suspense>)}
          </Loaded>
        )}
      </Loaded>
    </section>
  );
}

function useVersion(id: string, version: string) {
  return useQuery({
    queryKey: ["get", "/v1/designs/{id}/versions/{version}", { id, version }],
    queryFn: async () => {
      const { data } = await api.GET("/v1/designs/{id}/versions/{version}", { params: { path: { id, version } } });
      return data?.design ? plain(data.design) : "";
    },
  });
}
