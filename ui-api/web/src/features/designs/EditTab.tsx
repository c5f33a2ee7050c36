/** The editor with its problems, and saving. A change by somebody else meanwhile is shown, never overwritten. */
import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { ApiError } from "@/api/problem";
import { Confirm } from "@/shared/Confirm";
import { Guarded } from "@/shared/Guarded";
import { read } from "./editor/document";
import { plain } from "./plain";
import { readDesign, saveDesign, type Stored } from "./useDesign";
import type { Problems } from "./useProblems";
import { useDesignSchema } from "./useSchema";

const CodeEditor = lazy(() => import("./editor/CodeEditor"));
const DiffEditor = lazy(() => import("./editor/DiffEditor"));

interface Props {
  id: string;
  text: string;
  onChange(text: string): void;
  stored: Stored | null;
  unsaved: boolean;
  onSaved(etag: string): void;
  problems: Problems;
}

export function EditTab({ id, text, onChange, stored, unsaved, onSaved, problems }: Props) {
  const [saving, setSaving] = useState(false);
  const [theirs, setTheirs] = useState<Stored | null>(null);
  const schema = useDesignSchema();
  const client = useQueryClient();

  const save = async (reason: string): Promise<void> => {
    const etag = (theirs ?? stored)?.etag ?? "";
    try {
      onSaved(await saveDesign(id, withId(id, text), etag, reason));
    } catch (error) {
      if (error instanceof ApiError && (error.problem.status === 412 || error.problem.status === 409)) setTheirs(await readDesign(id));
      throw error;
    }
    setTheirs(null);
    await client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[1]).startsWith("/v1/designs") });
  };
  return (
    <>
      <Suspense fallback={<p className="soft">Loading the editor…</p>}>
        <CodeEditor label={`Design ${id}`} text={text} onChange={onChange} problems={problems.list} schema={schema} />
      </Suspense>
      <ul className="plain problem-list" aria-live="polite" aria-label="Problems">
        {problems.list.map((each, index) => (
          <li key={index}>
            <strong>line {text.slice(0, each.from).split("\n").length}</strong> {each.message}
          </li>
        ))}
        {!problems.list.length && <li className="soft">{problems.checking ? "Checking…" : "No problems."}</li>}
      </ul>
      <div className="row">
        <Guarded role="operator" tone="primary" because={unsaved ? "" : "There is nothing to save."} onClick={() => setSaving(true)}>Save</Guarded>
        {unsaved && stored && <button className="button" onClick={() => onChange(plain(stored.design))}>Undo all changes</button>}
        <span className="soft">Tab indents; Escape, then Tab leaves the editor. Ctrl Space offers what may stand here.</span>
      </div>
      {theirs && (
        <section className="stack">
          <div className="note warning">Somebody has saved another version meanwhile. Left theirs, right yours: saving again replaces theirs with yours.</div>
          <Suspense><DiffEditor label="Their version and yours" before={plain(theirs.design)} after={text} /></Suspense>
        </section>
      )}
      <Confirm title={`Save ${id}`} action="Save" open={saving} onClose={() => setSaving(false)} onConfirm={save}>
        <p>This stores a new version. No mesh is changed until it is applied.</p>
      </Confirm>
    </>
  );
}

export function withId(id: string, text: string): Record<string, unknown> {
  const { value } = read(text);
  return { ...(value && typeof value === "object" ? value : {}), id };
}
