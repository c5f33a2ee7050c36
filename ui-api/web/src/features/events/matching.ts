/** Whether an event passes the filters of the page, as the API's own filters do. */
import type { Event } from "@/live/live";

export interface EventFilters {
  entity?: string;
  type?: string;
  id?: string;
  operation?: string;
  text?: string;
  trace_id?: string;
}

export function matches(event: Event, filters: EventFilters): boolean {
  const { entity, type, id, operation, text, trace_id } = filters;
  if (entity && event.entity !== entity) return false;
  if (type && event.type !== type && !event.type.startsWith(type.endsWith(".") ? type : `${type}.`)) return false;
  if (id && event.entity_id !== id) return false;
  if (operation && !(event.entity === "operation" && event.entity_id === operation)) return false;
  if (trace_id && event.trace_id !== trace_id) return false;
  return !text || JSON.stringify(event.data).toLowerCase().includes(text.toLowerCase());
}
