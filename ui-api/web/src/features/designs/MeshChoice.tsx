/** The mesh that a preview or a change is for. */
import { query } from "@/api/client";

export function useMeshes(): string[] {
  return query.useQuery("get", "/v1/meshes", { params: { query: { page_size: 200 } } }).data?.items.map((each) => each.id) ?? [];
}

export function MeshChoice({ mesh, meshes, onChange }: { mesh: string; meshes: string[]; onChange(mesh: string): void }) {
  return (
    <label className="inline">
      Mesh
      <select value={mesh} onChange={(event) => onChange(event.target.value)}>
        {meshes.map((each) => <option key={each}>{each}</option>)}
      </select>
    </label>
  );
}
