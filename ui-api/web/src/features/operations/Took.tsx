/** How long an operation took, or has taken so far. */
import type { Schemas } from "@/api/client";
import { duration, useNow } from "@/shared/Time";

type Operation = Schemas["Operation"];

export function Took({ operation }: { operation: Operation }) {
  if (!operation.accepted_at) return <span className="soft">–</span>;
  const from = Date.parse(operation.accepted_at);
  if (operation.finished_at) return <>{duration((Date.parse(operation.finished_at) - from) / 1000)}</>;
  return <Running from={from} />;
}

function Running({ from }: { from: number }) {
  return <>{duration(Math.max(useNow() - from, 0) / 1000)}</>;
}
