import { flags, shellWord } from "@/shared/Filters";

interface Filters {
  entity?: string;
  type?: string;
  id?: string;
  text?: string;
  trace_id?: string;
}

/** The same as a command: the stream goes by entities and types, only the log knows texts and traces. */
export function asCommand(view: string, { text, trace_id, ...rest }: Filters): string {
  if (view === "live" && !text && !trace_id) return `events tail${flags({ ...rest })}`;
  return `events search${text ? ` ${shellWord(text)}` : ""}${flags({ ...rest, trace_id })}`;
}
