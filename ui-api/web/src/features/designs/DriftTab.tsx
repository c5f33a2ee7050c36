/** Where a mesh differs from what was applied, resource by resource. */
import { query, type Schemas } from "@/api/client";
import { Empty, Loaded } from "@/shared/Page";
import { State } from "@/shared/State";
import { Time } from "@/shared/Time";
import { refName } from "./ResourceDiffs";

export function DriftTab({ id }: { id: string }) {
  const read = query.useQuery("get", "/v1/drift", { params: { query: { design: id, page_size: 100 } } });
  return (
    <Loaded of={read}>
      {({ items }) =>
        items.length ? (
          <ul className="plain stack">
            {items.map((drift) => (
              <li key={drift.id} className="card">
                <h2>{drift.mesh} <span className="soft">revision {drift.revision}, seen <Time at={drift.detected_at} /></span></h2>
                <ul className="plain stack">
                  {drift.resources.map((each) => (
                    <li key={refName(each.ref)}>
                      <State state={each.change} tone={each.change === "missing" ? "failing" : "warning"} /> <span className="mono name">{refName(each.ref)}</span>
                      {each.proxies.length > 0 && <span className="soft"> on {each.proxies.join(", ")}</span>}
                      {each.fields.length > 0 && <Fields of={each} />}
                    </li>
                  ))}
                </ul>
                <p className="soft">Apply the design again to bring the mesh back, or set <code>self_heal: true</code> so that it comes back by itself.</p>
              </li>
            ))}
          </ul>
        ) : (
          <Empty title="Every mesh is as it was applied." command={`meshwright drift show ${id}`} />
        )
      }
    </Loaded>
  );
}

function Fields({ of }: { of: Schemas["DriftedResource"] }) {
  const shown = (value: unknown): string => (value == null ? "nothing" : typeof value === "string" ? value : JSON.stringify(value));
  return (
    <ul className="plain">
      {of.fields.map((field) => (
        <li key={field.path} className="name">
          <code>{field.path}</code>: wanted <code>{shown(field.wanted)}</code>, there is <code>{shown(field.there)}</code>
        </li>
      ))}
      {of.more_fields > 0 && <li className="soft">And {of.more_fields} more fields.</li>}
    </ul>
  );
}
