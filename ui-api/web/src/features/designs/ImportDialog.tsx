/** Reads existing YAML (or what is on the mesh) as intents; what no intent says is listed, field by field. */
import { useNavigate } from "@tanstack/react-router";
import { useState, type DragEvent } from "react";
import { query, sending, type Schemas } from "@/api/client";
import { Dialog } from "@/shared/Dialog";
import { ProblemNote } from "@/shared/ProblemNote";
import { keepDraft } from "./drafts";
import { plain } from "./plain";
import { MeshChoice, useMeshes } from "./MeshChoice";

export function ImportDialog({ onClose }: { onClose(): void }) {
  const meshes = useMeshes();
  const [chosen, setChosen] = useState("");
  const [text, setText] = useState("");
  const [name, setName] = useState("imported");
  const [live, setLive] = useState(false);
  const mesh = chosen || (meshes[0] ?? "");
  const read = query.useMutation("post", "/v1/meshes/{id}:import");
  const navigate = useNavigate();
  const files = text.trim() ? [{ name: "pasted.yaml", content: text }] : [];
  const body = sending<Schemas["MeshToImport"]>({ id: name, live, files });
  const dropped = (event: DragEvent): void => {
    event.preventDefault();
    void Promise.all([...event.dataTransfer.files].map((file) => file.text())).then((parts) => setText(parts.join("\n---\n")));
  };
  const use = (imported: Schemas["ImportedDesign"]): void => {
    keepDraft(name, plain(imported.design));
    void navigate({ to: "/designs/$design", params: { design: name }, search: { tab: "edit", mesh } });
  };
  return (
    <Dialog title="Import YAML as a design" description="VirtualServices, DestinationRules, policies, HTTPRoutes and SMI resources are read as intents. Nothing is changed." open size="wide" onClose={onClose}>
      <div className="row">
        <MeshChoice mesh={mesh} meshes={meshes} onChange={setChosen} />
        <label className="inline">Name <input value={name} onChange={(event) => setName(event.target.value)} /></label>
        <label className="inline"><input type="checkbox" checked={live} onChange={(event) => setLive(event.target.checked)} /> Also what is on the mesh</label>
      </div>
      <label onDragOver={(event) => event.preventDefault()} onDrop={dropped}>
        YAML
        <textarea className="mono" rows={10} spellCheck={false} value={text} placeholder="Paste it, or drop files here" onChange={(event) => setText(event.target.value)} />
      </label>
      <div className="row end">
        <button className="button primary" disabled={read.isPending || (!live && !files.length)} onClick={() => read.mutate({ params: { path: { id: mesh } }, body })}>
          {read.isPending ? "Reading…" : "Read"}
        </button>
      </div>
      {read.error ? <ProblemNote error={read.error} /> : null}
      {read.data && (
        <>
          <h2>{read.data.design.intents.length} intents from {read.data.resources} resources</h2>
          <pre className="code" tabIndex={0}>{plain(read.data.design)}</pre>
          {read.data.unexpressed.length > 0 && (
            <div className="note warning">
              <strong>What no intent says</strong>
              <ul>{read.data.unexpressed.map((each, index) => <li key={index}><code>{each.location.pointer}</code> {each.because}</li>)}</ul>
            </div>
          )}
          <div className="row end"><button className="button primary" onClick={() => read.data && use(read.data)}>Edit it as a design</button></div>
        </>
      )}
    </Dialog>
  );
}
