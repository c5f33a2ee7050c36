/** The workspace that is shown. It is remembered by the browser; it names nothing secret. */
const KEY = "meshwright.workspace";
let current = "";

export function workspace(): string {
  return current || "default";
}

/** Begin with the caller's own workspace, or with the last one that she chose where she may choose. */
export function startIn(own: string): void {
  current = own === "*" ? (localStorage.getItem(KEY) ?? "default") : own;
}

export function chooseWorkspace(name: string): void {
  current = name;
  localStorage.setItem(KEY, name);
}
