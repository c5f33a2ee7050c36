import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { api } from "@/api/client";
import { Confirm } from "@/shared/Confirm";
import { Guarded } from "@/shared/Guarded";
import { Loaded, Page } from "@/shared/Page";
import { Tabs } from "@/shared/Tabs";
import { ApplyTab } from "./ApplyTab";
import { takeDraft } from "./drafts";
import { DriftTab } from "./DriftTab";
import { EditTab } from "./EditTab";
import { MeshChoice, useMeshes } from "./MeshChoice";
import { plain } from "./plain";
import { ReleasesTab } from "./ReleasesTab";
import { TranslationTab } from "./TranslationTab";
import { useDesign, type Stored } from "./useDesign";
import { useProblems } from "./useProblems";
import { VersionsTab } from "./VersionsTab";
import "./designs.css";

const designRoute = getRouteApi("/designs/$design");

export function DesignPage() {
  const { design: id } = designRoute.useParams();
  const read = useDesign(id);
  return (
    <Page
      title={id}
      readAt={read.dataUpdatedAt}
      beside={read.data === null ? <span className="tag">not saved yet</span> : undefined}
      actions={read.data && <Remove id={id} etag={read.data.etag} />}
      equivalent={{ cli: `designs show ${id}`, request: `GET /v1/designs/${id}`, data: read.data?.design, name: id }}
    >
      <Loaded of={read}>{(stored) => <Parts key={id} id={id} stored={stored} />}</Loaded>
    </Page>
  );
}

function Parts({ id, stored }: { id: string; stored: Stored | null }) {
  const { tab = "edit", mesh: asked = "", from = "", to = "", operation = "" } = designRoute.useSearch();
  const navigate = designRoute.useNavigate();
  const set = (change: Record<string, string | undefined>): void =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const meshes = useMeshes();
  const mesh = asked || (meshes[0] ?? "");
  const saved = stored ? plain(stored.design) : "";
  const [text, setText] = useState(() => (stored ? saved : takeDraft(id)));
  /** the text that is as it is stored */
  const [clean, setClean] = useState(saved);
  const known = useRef(stored?.etag ?? "");
  useEffect(() => {
    // What somebody else saved is shown at once, unless there are changes here: those are never lost.
    if (!stored || stored.etag === known.current) return;
    known.current = stored.etag;
    if (text === clean) setText(saved);
    setClean(saved);
  }, [stored, saved, text, clean]);
  const problems = useProblems(id, text, mesh, stored?.etag ?? "");
  const unsaved = !stored || (text !== clean && text !== saved);
  const onSaved = (etag: string): void => {
    known.current = etag;
    setClean(text);
  };
  const because = problems.list.length ? "Mend its problems first." : unsaved ? "Save it first: what is applied is a saved version." : "";
  return (
    <>
      <div className="row">
        <MeshChoice mesh={mesh} meshes={meshes} onChange={(next) => set({ mesh: next })} />
        {unsaved && <span className="tag">unsaved changes</span>}
      </div>
      <Tabs
        label="Parts of this design"
        value={tab}
        onChange={(next) => set({ tab: next })}
        tabs={[
          { id: "edit", title: "Edit", content: <EditTab id={id} text={text} onChange={setText} stored={stored} unsaved={unsaved} onSaved={onSaved} problems={problems} /> },
          { id: "translation", title: "Translation", content: <TranslationTab id={id} text={text} mesh={mesh} /> },
          {
            id: "apply",
            title: "Diff and apply",
            content: <ApplyTab id={id} text={text} mesh={mesh} because={because} operation={operation} onOperation={(next) => set({ operation: next })} />,
          },
          { id: "versions", title: "Versions", content: <VersionsTab id={id} etag={stored?.etag ?? ""} from={from} to={to} onCompare={(left, right) => set({ from: left, to: right })} /> },
          { id: "releases", title: "Releases", content: <ReleasesTab id={id} /> },
          { id: "drift", title: "Drift", content: <DriftTab id={id} /> },
        ]}
      />
    </>
  );
}

function Remove({ id, etag }: { id: string; etag: string }) {
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const remove = async (reason: string): Promise<void> => {
    await api.DELETE("/v1/designs/{id}", { params: { path: { id }, query: { reason }, header: { "If-Match": etag } } });
    await navigate({ to: "/designs" });
  };
  return (
    <>
      <Guarded role="operator" tone="danger" onClick={() => setAsking(true)}>Delete</Guarded>
      <Confirm title={`Delete ${id}?`} action="Delete" danger open={asking} onClose={() => setAsking(false)} onConfirm={remove}>
        <p>What it applied stays on its meshes until it is removed there: see its <Link to="/designs/$design" params={{ design: id }} search={{ tab: "releases" }}>releases</Link>.</p>
      </Confirm>
    </>
  );
}
