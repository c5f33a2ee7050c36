/** What chooses the graph: the mesh, what its nodes are, the time, what is found and hidden. All of it lives in the URL. */
import { useNavigate } from "@tanstack/react-router";
import { query } from "@/api/client";
import { SPANS } from "@/shared/spans";
import { SPAN, type Search } from "./useTopology";
import { ExpressionField } from "./ExpressionField";

interface Props {
  mesh: string;
  search: Search;
  /** what the server made nodes of, where the URL leaves it open */
  grouped: string | undefined;
  replay: boolean;
  onReplay(): void;
  set(change: Search): void;
}

export function Controls({ mesh, search, grouped, replay, onReplay, set }: Props) {
  const meshes = query.useQuery("get", "/v1/meshes", { params: { query: { page_size: 200 } } });
  const names = meshes.data?.items.map((each) => each.id) ?? [];
  const navigate = useNavigate();
  return (
    <div className="filters">
      {names.length > 1 && (
        <label>
          Mesh
          <select value={mesh} onChange={(event) => void navigate({ to: "/topology/$mesh", params: { mesh: event.target.value } })}>
            {names.map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </label>
      )}
      <label>
        Show
        <select value={search.view ?? "graph"} onChange={(event) => set({ view: event.target.value })}>
          <option value="graph">graph</option>
          <option value="table">table</option>
        </select>
      </label>
      <label>
        Nodes are
        <select value={search.group || (grouped ?? "service")} onChange={(event) => set({ group: event.target.value, expand: undefined })}>
          <option value="service">services</option>
          <option value="version">versions</option>
          <option value="namespace">namespaces</option>
        </select>
      </label>
      <label>
        Over
        <select value={search.span ?? SPAN} onChange={(event) => set({ span: event.target.value, at: undefined })}>
          {Object.keys(SPANS).map((word) => <option key={word} value={word}>the last {word}</option>)}
        </select>
      </label>
      <ExpressionField label="Find" value={search.find} onChange={(find) => set({ find })} />
      <ExpressionField label="Hide" value={search.hide} onChange={(hide) => set({ hide })} />
      <button className="button" aria-pressed={replay} onClick={onReplay}>Replay</button>
    </div>
  );
}
