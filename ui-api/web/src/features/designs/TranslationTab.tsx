/** Each intent beside the native resources that it becomes on a mesh; what the mesh cannot do says why. */
import { stringify } from "yaml";
import { Empty, Loaded } from "@/shared/Page";
import { read } from "./editor/document";
import { useTranslation } from "./previews";
import { refName } from "./ResourceDiffs";

interface Intent {
  intent?: string;
}

export function TranslationTab({ id, text, mesh }: { id: string; text: string; mesh: string }) {
  const translation = useTranslation(id, text, mesh);
  const { value } = read(text);
  const intents = value && typeof value === "object" && "intents" in value && Array.isArray(value.intents) ? (value.intents as Intent[]) : [];
  if (!mesh) return <Empty title="There is no mesh to translate this for." command="meshwright meshes install envoy --connection local --wait" />;
  return (
    <Loaded of={translation}>
      {(preview) => (
        <div className="stack">
          {preview.problems.map((each) => <p key={each.pointer + each.detail} className="note failing"><code>{each.pointer}</code> {each.detail}</p>)}
          {preview.unsupported.map((each) => (
            <p key={each.intent} className="note warning"><strong>{each.intent}</strong>: {each.because} {each.instead && <>Instead: {each.instead}</>}</p>
          ))}
          {preview.translations.map((each, index) => (
            <section key={index} className="side-by-side">
              <div className="stack">
                <h2>{each.intent}</h2>
                <pre className="code" tabIndex={0}>{stringify(intents.filter((intent) => intent.intent === each.intent))}</pre>
                {each.notes.map((note) => <p key={note} className="soft">{note}</p>)}
              </div>
              <div className="stack">
                {each.resources.map((resource) => (
                  <details key={refName(resource.ref)} open className="resource-diff">
                    <summary><span className="name mono">{refName(resource.ref)}</span></summary>
                    <pre className="code" tabIndex={0}>{stringify(resource.body)}</pre>
                  </details>
                ))}
              </div>
            </section>
          ))}
          {!preview.translations.length && !preview.unsupported.length && <Empty title="This design has no intents to translate." />}
        </div>
      )}
    </Loaded>
  );
}
