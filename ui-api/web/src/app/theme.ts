/** Light or dark: the system's choice until the user makes hers. Set before the first paint. */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "meshwright.theme";
const system = typeof matchMedia === "undefined" ? null : matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set<() => void>();

export function theme(): Theme {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") return chosen;
  return system?.matches ? "dark" : "light";
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme();
  for (const each of watchers) each();
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, theme() === "dark" ? "light" : "dark");
  applyTheme();
}

system?.addEventListener("change", applyTheme);

export function useTheme(): Theme {
  const subscribe = (call: () => void): (() => void) => {
    watchers.add(call);
    return () => watchers.delete(call);
  };
  return useSyncExternalStore(subscribe, theme);
}
