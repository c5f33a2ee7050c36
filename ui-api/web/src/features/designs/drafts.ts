/** A design that was begun in a dialog and is not saved yet: handed to its page once, in memory only. */
const drafts = new Map<string, string>();

export function keepDraft(id: string, text: string): void {
  drafts.set(id, text);
}

export function takeDraft(id: string): string {
  return drafts.get(id) ?? `id: ${id}\nintents:\n- intent: traffic-split\n  service: reviews\n  backends:\n  - version: v1\n    weight: 90\n  - version: v2\n    weight: 10\n`;
}
