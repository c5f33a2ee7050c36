/** What an adapter announces of its operations. */
import type { Schemas } from "@/api/client";
import type { Schema } from "@/shared/schema";

/** The JSON Schema of an operation's arguments, in the newest version that the adapter handles. */
export function argumentsOf(adapter: Schemas["Adapter"] | undefined, operation: string): Schema {
  const offers = adapter?.operations.filter((each) => each.name === operation) ?? [];
  const newest = offers.reduce<(typeof offers)[number] | null>((best, each) => (!best || each.version > best.version ? each : best), null);
  return (newest?.arguments ?? {}) as Schema;
}

/** Whether a live adapter handles an operation. */
export function handles(adapter: Schemas["Adapter"] | undefined, operation: string): boolean {
  return !!adapter?.operations.some((each) => each.name === operation);
}
