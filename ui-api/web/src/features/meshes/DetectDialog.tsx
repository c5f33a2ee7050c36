/** Looks for meshes on a connection, also those that others installed, and adopts them as they are. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { begun, query, sending, type Schemas } from "@/api/client";
import { Dialog } from "@/shared/Dialog";
import { Guarded } from "@/shared/Guarded";
import { Empty, Loaded } from "@/shared/Page";
import { ProblemNote } from "@/shared/ProblemNote";
import { State } from "@/shared/State";

type Detected = Schemas["DetectedMesh"];

export function DetectDialog({ onClose }: { onClose(): void }) {
  const connections = query.useQuery("get", "/v1/connections", { params: { query: { page_size: 200 } } });
  const [connection, setConnection] = useState("");
  const detect = query.useMutation("post", "/v1/connections/{id}:detect");
  return (
    <Dialog title="Detect meshes" description="Every mesh on a connection, whoever installed it. Nothing there is changed." open size="wide" onClose={onClose}>
      <Loaded of={connections}>
        {({ items }) => {
          const chosen = connection || (items[0]?.id ?? "");
          return (
            <div className="filters">
              <label>
                Connection
                <select value={chosen} onChange={(event) => setConnection(event.target.value)}>
                  {items.map((each) => <option key={each.id} value={each.id}>{each.id} ({each.kind})</option>)}
                </select>
              </label>
              <Guarded role="operator" tone="primary" busy={!chosen || detect.isPending} onClick={() => detect.mutate({ params: { path: { id: chosen } } })}>
                {detect.isPending ? "Looking…" : "Look"}
              </Guarded>
            </div>
          );
        }}
      </Loaded>
      {detect.error ? <ProblemNote error={detect.error} /> : null}
      {detect.data && (
        <ul className="plain stack">
          {!detect.data.meshes.length && <Empty title="No mesh was found there." />}
          {detect.data.meshes.map((each, index) => (
            <Found key={index} mesh={each} connection={detect.variables?.params.path.id ?? ""} />
          ))}
          {[...detect.data.notes, ...detect.data.problems.map((each) => each.detail)].map((note) => <li key={note} className="note warning">{note}</li>)}
        </ul>
      )}
    </Dialog>
  );
}

function Found({ mesh, connection }: { mesh: Detected; connection: string }) {
  const [name, setName] = useState(mesh.kind);
  const navigate = useNavigate();
  const adopt = query.useMutation("post", "/v1/meshes:adopt", {
    onSuccess: (data) => void navigate({ to: "/operations/$operation", params: { operation: begun(data) } }),
  });
  const body = sending<Schemas["Adopt"]>({ id: name, kind: mesh.kind, connection, namespace: mesh.namespace, revision: mesh.revision });
  return (
    <li className="card">
      <div className="row">
        <State state={mesh.state} /> <strong>{mesh.kind} {mesh.version}</strong>
        {mesh.namespace && <span className="tag">{mesh.namespace}</span>}
        {mesh.revision && <span className="tag">revision {mesh.revision}</span>}
        {mesh.modes.map((mode) => <span key={mode} className="tag">{mode}</span>)}
        {mesh.installer && <span className="soft">installed by {mesh.installer}</span>}
      </div>
      {mesh.conditions.filter((each) => each.status !== "True").map((each) => <p key={each.type}>{each.message}</p>)}
      {mesh.mesh ? (
        <Link to="/meshes/$mesh" params={{ mesh: mesh.mesh }}>Managed here as {mesh.mesh}</Link>
      ) : (
        <div className="row">
          <label className="inline">Name <input value={name} onChange={(event) => setName(event.target.value)} /></label>
          <Guarded role="operator" onClick={() => adopt.mutate({ params: {}, body })}>Adopt</Guarded>
        </div>
      )}
      {adopt.error ? <ProblemNote error={adopt.error} /> : null}
    </li>
  );
}
