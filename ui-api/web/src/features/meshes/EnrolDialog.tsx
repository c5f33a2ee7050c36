/** Gives workloads a proxy and an identity: a namespace, a workload, or a process, as the adapter announces. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, begun, type Schemas } from "@/api/client";
import { compact, fieldsOf, resolved, type Schema } from "@/shared/schema";
import { SchemaForm } from "@/shared/SchemaForm";
import { argumentsOf } from "./announced";
import { OperationDialog } from "@/shared/OperationDialog";

type Member = NonNullable<Schemas["EnrolWorkloads"]["workloads"]>[number];

interface Props {
  mesh: Schemas["Mesh"];
  adapter: Schemas["Adapter"];
  onClose(): void;
}

/** The kinds of members that make sense on this adapter: processes where there are no namespaces, and the others where there are. */
function variants(adapter: Schemas["Adapter"]): { member: string; schema: Schema; root: Schema }[] {
  const root = argumentsOf(adapter, "workloads.enrol");
  const all = root.properties?.workloads?.items?.anyOf ?? [];
  return all
    .map((each) => resolved(each, root))
    .map((schema) => ({ member: String(schema.properties?.member?.enum?.[0] ?? ""), schema, root }))
    .filter(({ member }) => (member === "process") !== adapter.namespaces);
}

export function EnrolDialog({ mesh, adapter, onClose }: Props) {
  const choices = variants(adapter);
  const [chosen, setChosen] = useState(choices[0]?.member ?? "");
  const [values, setValues] = useState<Record<string, unknown>>({});
  const navigate = useNavigate();
  const variant = choices.find((each) => each.member === chosen);
  const fields = variant ? fieldsOf(variant.schema, variant.root, ["member"]) : [];
  const body = { members: [{ member: chosen, ...compact(values, fields) } as unknown as Member] };
  const send = async (preview: boolean, reason: string): Promise<void> => {
    const { data } = await api.POST("/v1/meshes/{id}/workloads", {
      params: { path: { id: mesh.id }, query: { validate_only: preview, reason } },
      body,
    });
    if (!preview) await navigate({ to: "/operations/$operation", params: { operation: begun(data) } });
  };
  return (
    <OperationDialog
      title={`Enrol in ${mesh.id}`}
      action="Enrol"
      cli={`workloads enrol --mesh ${mesh.id}${chosen === "namespace" ? ` --namespace ${String(values.namespace ?? "NAMESPACE")}` : ""} --wait`}
      request={`POST /v1/meshes/${mesh.id}/workloads`}
      body={body}
      onSend={send}
      onClose={onClose}
    >
      {choices.length > 1 && (
        <label>
          What
          <select value={chosen} onChange={(event) => setChosen(event.target.value)}>{choices.map((each) => <option key={each.member}>{each.member}</option>)}</select>
        </label>
      )}
      <p className="soft">{variant?.schema.description}</p>
      <SchemaForm fields={fields} values={values} onChange={setValues} />
    </OperationDialog>
  );
}
