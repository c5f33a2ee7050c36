/** The workspace that is shown, and the others where the caller may see them. */
import { useSession } from "@/api/session";
import { query } from "@/api/client";
import { chooseWorkspace, workspace } from "@/api/workspace";

export function WorkspaceChoice() {
  const { principal } = useSession();
  const all = principal.workspace === "*";
  const { data } = query.useQuery("get", "/v1/workspaces", {}, { enabled: all });
  if (!all) return <span className="soft">{workspace()}</span>;
  const names = [...new Set(["default", workspace(), ...(data?.items.map((each) => each.id) ?? [])])].sort();
  const choose = (name: string): void => {
    chooseWorkspace(name);
    // Everything on the page belongs to the other workspace: begin anew there.
    location.reload();
  };
  return (
    <label className="workspace">
      <span className="visually-hidden">Workspace</span>
      <select value={workspace()} onChange={(event) => choose(event.target.value)}>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}
