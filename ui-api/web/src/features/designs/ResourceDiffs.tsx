/** The native resources that would change, one by one; objects of others that are in the way are named. */
import { lazy, Suspense } from "react";
import { Empty } from "@/shared/Page";
import { State, type Tone } from "@/shared/State";
import type { Preview } from "./previews";

const DiffEditor = lazy(() => import("./editor/DiffEditor"));
const TONES: Record<string, Tone> = { create: "ok", update: "warning", delete: "failing", unchanged: "idle" };

export function refName(ref: { group: string; kind: string; namespace: string; name: string }): string {
  return `${ref.kind}${ref.group ? `.${ref.group}` : ""} ${ref.namespace ? `${ref.namespace}/` : ""}${ref.name}`;
}

export function ResourceDiffs({ preview }: { preview: Preview }) {
  const changing = preview.diff.filter((each) => each.change !== "unchanged");
  const same = preview.diff.length - changing.length;
  return (
    <div className="stack">
      {preview.unsupported.map((each) => (
        <p key={each.intent} className="note warning">
          <strong>{each.intent}</strong> is not possible here: {each.because} {each.instead && <>Instead: {each.instead}</>}
        </p>
      ))}
      {preview.problems.map((each) => <p key={each.pointer + each.detail} className="note failing"><code>{each.pointer}</code> {each.detail}</p>)}
      {!changing.length && !preview.unsupported.length && <Empty title="The mesh is already as this design says." />}
      {changing.map((each) => (
        <details key={refName(each.ref)} className="resource-diff" open={changing.length <= 4}>
          <summary>
            <State state={each.change} tone={TONES[each.change]} /> <span className="name mono">{refName(each.ref)}</span>
            {each.conflict && <span className="tag">in the way: {each.conflict}</span>}
          </summary>
          <Suspense fallback={<p className="soft">…</p>}>
            <DiffEditor label={refName(each.ref)} before={each.before} after={each.after} />
          </Suspense>
        </details>
      ))}
      {same > 0 && <p className="soft">{same} more resources stay as they are.</p>}
    </div>
  );
}
