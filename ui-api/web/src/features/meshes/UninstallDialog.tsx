/** Removes a mesh, its proxies and its policies. Its name has to be typed: it cannot be undone. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, begun, sending, type Schemas } from "@/api/client";
import { ApiError } from "@/api/problem";
import { OperationDialog } from "@/shared/OperationDialog";

type Definitions = "keep" | "unused" | "all";

export function UninstallDialog({ mesh, onClose }: { mesh: Schemas["Mesh"]; onClose(): void }) {
  const [name, setName] = useState("");
  const [definitions, setDefinitions] = useState<Definitions>("keep");
  const navigate = useNavigate();
  const send = async (preview: boolean, reason: string): Promise<void> => {
    if (!preview && name !== mesh.id) {
      throw new ApiError({ type: "about:blank", status: 0, title: `Type ${mesh.id} to confirm`, detail: "Nothing has been changed." });
    }
    const { data } = await api.DELETE("/v1/meshes/{id}", {
      params: { path: { id: mesh.id }, query: { validate_only: preview, reason } },
      body: sending<Schemas["Removal"]>({ definitions }),
    });
    if (!preview) await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  return (
    <OperationDialog
      title={`Uninstall ${mesh.id}`}
      action="Uninstall"
      danger
      cli={`meshes uninstall ${mesh.id}${definitions === "keep" ? "" : ` --definitions ${definitions}`} --wait`}
      request={`DELETE /v1/meshes/${mesh.id}`}
      onSend={send}
      onClose={onClose}
    >
      <p>{mesh.proxies} proxies of {mesh.workloads} workloads and all policies of this mesh go. What is kept is named at the end, with the reason.</p>
      <label>
        Definitions of its resources (CRDs)
        <select value={definitions} onChange={(event) => setDefinitions(event.target.value as Definitions)}>
          <option value="keep">keep</option>
          <option value="unused">remove those without objects</option>
          <option value="all">remove all, with their objects</option>
        </select>
      </label>
      <label>Type its name to confirm<input value={name} onChange={(event) => setName(event.target.value)} /></label>
    </OperationDialog>
  );
}
