/** Keys that work on every page: `g` and a letter goes somewhere, `Ctrl K` or `:` opens the palette, `?` lists them. */
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { PLACES } from "./places";

const LEADER_MS = 1500;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function useShortcuts({ onPalette, onHelp }: { onPalette(): void; onHelp(): void }): void {
  const navigate = useNavigate();
  const leader = useRef(0);
  const calls = useRef({ onPalette, onHelp });
  calls.current = { onPalette, onHelp };
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        calls.current.onPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const place = PLACES.find((each) => each.key === event.key);
      if (place && Date.now() - leader.current < LEADER_MS) {
        leader.current = 0;
        void navigate({ to: place.to });
      } else if (event.key === "g") leader.current = Date.now();
      else if (event.key === ":") {
        event.preventDefault();
        calls.current.onPalette();
      } else if (event.key === "?") calls.current.onHelp();
      else if (event.key === "/") {
        const filter = document.querySelector<HTMLInputElement>("[data-filter]");
        if (!filter) return;
        event.preventDefault();
        filter.focus();
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [navigate]);
}
