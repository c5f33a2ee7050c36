/** Upgrades a mesh: in place, or (with another revision) beside the old control plane. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, begun, sending, type Schemas } from "@/api/client";
import { compact, fieldsOf } from "@/shared/schema";
import { SchemaForm } from "@/shared/SchemaForm";
import { argumentsOf } from "./announced";
import { OperationDialog } from "@/shared/OperationDialog";

interface Props {
  mesh: Schemas["Mesh"];
  adapter: Schemas["Adapter"] | undefined;
  onClose(): void;
}

export function UpgradeDialog({ mesh, adapter, onClose }: Props) {
  const [values, setValues] = useState<Record<string, unknown>>({});
  const [own, setOwn] = useState<Record<string, unknown>>({});
  const navigate = useNavigate();
  const fields = fieldsOf(argumentsOf(adapter, "mesh.upgrade"), undefined, ["values"]);
  const ownFields = fieldsOf(adapter?.values ?? {});
  const body = { ...compact(values, fields), values: compact(own, ownFields) };
  const send = async (preview: boolean, reason: string): Promise<void> => {
    const { data } = await api.POST("/v1/meshes/{id}:upgrade", {
      params: { path: { id: mesh.id }, query: { validate_only: preview, reason } },
      body: sending<Schemas["Upgrade"]>(body as object),
    });
    if (!preview) await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  const version = typeof values.version === "string" && values.version ? ` --version ${values.version}` : "";
  return (
    <OperationDialog
      title={`Upgrade ${mesh.id}`}
      action="Upgrade"
      cli={`meshes upgrade ${mesh.id}${version} --wait`}
      request={`POST /v1/meshes/${mesh.id}:upgrade`}
      body={body}
      onSend={send}
      onClose={onClose}
    >
      <p>Now: version {mesh.version || "unknown"}{mesh.revisions[0] && `, revision ${mesh.revisions[0]}`}. Without a version, the newest that the adapter knows.</p>
      <SchemaForm fields={fields} values={values} onChange={setValues} />
      {!!ownFields.length && <details><summary>Values of {mesh.kind}</summary><SchemaForm fields={ownFields} values={own} onChange={setOwn} /></details>}
    </OperationDialog>
  );
}
