/** What a kubeconfig holds, so that its context can be chosen before it is sent. It is read here and kept nowhere. */
import { parse } from "yaml";

export interface Kubeconfig {
  contexts: string[];
  current: string;
}

/** Null when the text is no kubeconfig. */
export function readKubeconfig(text: string): Kubeconfig | null {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 20 });
  } catch {
    return null;
  }
  if (!document || typeof document !== "object" || !("contexts" in document) || !Array.isArray(document.contexts)) return null;
  const contexts = document.contexts
    .map((each: unknown) => (each && typeof each === "object" && "name" in each ? String(each.name) : ""))
    .filter(Boolean);
  const current = "current-context" in document ? String(document["current-context"] ?? "") : "";
  return contexts.length ? { contexts, current } : null;
}
