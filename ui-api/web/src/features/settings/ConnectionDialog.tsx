/** Adds a connection. A kubeconfig is pasted, dropped or chosen as a file; its credentials are sealed by the server. */
import { useState, type DragEvent } from "react";
import { api, query, sending, type Schemas } from "@/api/client";
import { OperationDialog } from "@/shared/OperationDialog";
import { compact, fieldsOf, type Schema } from "@/shared/schema";
import { SchemaForm } from "@/shared/SchemaForm";
import { NameField } from "@/shared/NameField";
import { readKubeconfig } from "./kubeconfig";

type Settings = Record<string, unknown>;

export function ConnectionDialog({ onClose }: { onClose(): void }) {
  const adapters = query.useQuery("get", "/v1/adapters", { params: { query: { page_size: 100 } } });
  const supports = adapters.data?.items.flatMap((each) => each.connections ?? []) ?? [];
  const kinds = [...new Set(["kubernetes", ...supports.map((each) => each.kind), "prometheus"])];
  const [name, setName] = useState("");
  const [kind, setKind] = useState("kubernetes");
  const [settings, setSettings] = useState<Settings>({});
  const schema = (supports.find((each) => each.kind === kind)?.settings ?? {}) as Schema;
  const fields = fieldsOf(schema, schema, kind === "kubernetes" ? ["kubeconfig", "context"] : []);
  const kubernetes = kind === "kubernetes" ? { kubeconfig: settings.kubeconfig, context: settings.context } : {};
  const sent: Settings = { ...compact(settings, fields), ...kubernetes };
  const free = kind === "prometheus" && !fields.length ? fieldsOf(PROMETHEUS) : fields;

  const send = async (preview: boolean, reason: string): Promise<void> => {
    await api.PUT("/v1/connections/{id}", {
      params: { path: { id: name }, query: { validate_only: preview, reason }, header: { "If-None-Match": "*" } },
      body: sending<Schemas["PutConnection"]>({ kind, settings: compactAll({ ...sent, ...compact(settings, free) }) as never }),
    });
    if (!preview) onClose();
  };
  const add = kind === "kubernetes" ? `--kubeconfig FILE${settings.context ? ` --context ${String(settings.context)}` : ""}` : `--kind ${kind}`;
  return (
    <OperationDialog title="Add a connection" action="Add" role="admin" cli={`connections add ${name || "NAME"} ${add}`} request={`PUT /v1/connections/${name || "NAME"}`} onSend={send} onClose={onClose}>
      <NameField value={name} onChange={setName} />
      <label>
        Kind
        <select value={kind} onChange={(event) => { setKind(event.target.value); setSettings({}); }}>{kinds.map((each) => <option key={each}>{each}</option>)}</select>
      </label>
      {kind === "kubernetes" && <KubeconfigInput settings={settings} onChange={setSettings} />}
      <SchemaForm fields={free} values={settings} onChange={setSettings} />
    </OperationDialog>
  );
}

const PROMETHEUS: Schema = { required: ["url"], properties: { url: { type: "string", description: "where it answers, such as http://prometheus:9090" } } };

function compactAll(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined && value !== ""));
}

function KubeconfigInput({ settings, onChange }: { settings: Settings; onChange(settings: Settings): void }) {
  const text = typeof settings.kubeconfig === "string" ? settings.kubeconfig : "";
  const read = text ? readKubeconfig(text) : null;
  const take = (next: string): void => {
    const current = readKubeconfig(next)?.current;
    onChange({ ...settings, kubeconfig: next || undefined, context: current || undefined });
  };
  const dropped = (event: DragEvent): void => {
    event.preventDefault();
    void event.dataTransfer.files[0]?.text().then(take);
  };
  return (
    <>
      <label onDragOver={(event) => event.preventDefault()} onDrop={dropped}>
        Kubeconfig
        <textarea className="mono" rows={8} spellCheck={false} autoComplete="off" value={text} placeholder="Paste it, or drop the file here. Leave it empty for the cluster that the worker runs in." onChange={(event) => take(event.target.value)} />
        <input type="file" aria-label="Choose a kubeconfig file" onChange={(event) => void event.target.files?.[0]?.text().then(take)} />
        {text && !read && <span className="soft" role="alert">This is no kubeconfig: it has no contexts.</span>}
      </label>
      {read && (
        <label>
          Context
          <select value={String(settings.context ?? "")} onChange={(event) => onChange({ ...settings, context: event.target.value })}>
            {read.contexts.map((each) => <option key={each}>{each}</option>)}
          </select>
        </label>
      )}
    </>
  );
}
