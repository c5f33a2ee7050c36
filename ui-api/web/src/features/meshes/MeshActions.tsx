/** What can be done with a mesh: each is an operation that the adapter announces. */
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { api, begun, query, type Schemas } from "@/api/client";
import { Guarded } from "@/shared/Guarded";
import { handles } from "./announced";
import { EnrolDialog } from "./EnrolDialog";
import { OperationDialog } from "@/shared/OperationDialog";
import { UninstallDialog } from "./UninstallDialog";
import { UpgradeDialog } from "./UpgradeDialog";

const meshRoute = getRouteApi("/meshes/$mesh");

type Mesh = Schemas["Mesh"];

const ACTIONS = [
  { dialog: "enrol", title: "Enrol", operation: "workloads.enrol" },
  { dialog: "upgrade", title: "Upgrade", operation: "mesh.upgrade" },
  { dialog: "rotate", title: "Rotate certificates", operation: "mesh.rotate-certificates" },
  { dialog: "refresh", title: "Refresh", operation: "mesh.status" },
  { dialog: "forget", title: "Forget", operation: "mesh.forget" },
  { dialog: "uninstall", title: "Uninstall", operation: "mesh.uninstall" },
] as const;

export function MeshActions({ mesh }: { mesh: Mesh }) {
  const { dialog } = meshRoute.useSearch();
  const navigate = meshRoute.useNavigate();
  const read = query.useQuery("get", "/v1/adapters/{id}", { params: { path: { id: mesh.adapter } } });
  const adapter = read.data;
  const show = (next: string | undefined): void => void navigate({ search: (before) => ({ ...before, dialog: next }), replace: true });
  const close = (): void => show(undefined);
  const possible = ACTIONS.filter((each) => handles(adapter, each.operation) && (each.dialog !== "forget" || mesh.installer));
  return (
    <>
      {possible.map((each) => (
        <Guarded
          key={each.dialog}
          role="operator"
          tone={each.dialog === "uninstall" ? "danger" : "plain"}
          because={adapter?.instances.length ? "" : "No worker of its adapter is running."}
          onClick={() => show(each.dialog)}
        >
          {each.title}
        </Guarded>
      ))}
      {dialog === "enrol" && adapter && <EnrolDialog mesh={mesh} adapter={adapter} onClose={close} />}
      {dialog === "upgrade" && <UpgradeDialog mesh={mesh} adapter={adapter} onClose={close} />}
      {dialog === "uninstall" && <UninstallDialog mesh={mesh} onClose={close} />}
      {(dialog === "rotate" || dialog === "refresh" || dialog === "forget") && <Plain mesh={mesh} dialog={dialog} onClose={close} />}
    </>
  );
}

const PLAIN = {
  rotate: { path: "/v1/meshes/{id}:rotate-certificates", verb: "rotate-certificates", title: "Rotate the certificates", text: "Every workload gets a new certificate; connections stay." },
  refresh: { path: "/v1/meshes/{id}:status", verb: "status", title: "Refresh the state", text: "The adapter looks at the mesh again and reports what it sees. Nothing is changed." },
  forget: { path: "/v1/meshes/{id}:forget", verb: "forget", title: "Manage this mesh no longer", text: "Nothing of the mesh is changed. It can be adopted again." },
} as const;

function Plain({ mesh, dialog, onClose }: { mesh: Mesh; dialog: keyof typeof PLAIN; onClose(): void }) {
  const navigate = useNavigate();
  const { path, verb, title, text } = PLAIN[dialog];
  const send = async (preview: boolean, reason: string): Promise<void> => {
    const { data } = await api.POST(path, { params: { path: { id: mesh.id }, query: { validate_only: preview, reason } } });
    if (!preview) await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  return (
    <OperationDialog title={`${title}: ${mesh.id}`} action={title} cli={`meshes ${verb} ${mesh.id}`} request={`POST /v1/meshes/${mesh.id}:${verb}`} onSend={send} onClose={onClose}>
      <p>{text}</p>
    </OperationDialog>
  );
}
