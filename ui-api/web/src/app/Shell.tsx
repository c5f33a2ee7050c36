/** What stands around every page: the way to the others, who is signed in, and whether the stream is live. */
import { useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { LogOut, Menu, Moon, Search, Sun } from "lucide-react";
import { Fragment, lazy, Suspense, useEffect, useState } from "react";
import { api } from "@/api/client";
import { signedOut, useSession } from "@/api/session";
import { workspace } from "@/api/workspace";
import { follow, useFeedState } from "@/live/live";
import { refreshing } from "@/live/refresh";
import { State } from "@/shared/State";
import { PLACES } from "./places";
import { useShortcuts } from "./shortcuts";
import { toggleTheme, useTheme } from "./theme";
import { WorkspaceChoice } from "./WorkspaceChoice";

const CommandPalette = lazy(() => import("./CommandPalette"));
const ShortcutHelp = lazy(() => import("./ShortcutHelp"));

export function Shell() {
  const client = useQueryClient();
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const [nav, setNav] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useShortcuts({ onPalette: () => setPalette(true), onHelp: () => setHelp(true) });
  useEffect(() => {
    const stops = [refreshing(client), follow(workspace())];
    return () => stops.forEach((stop) => stop());
  }, [client]);
  useEffect(() => setNav(false), [path]);

  return (
    <>
      <a className="skip" href="#main">Skip to the page</a>
      <div className="shell">
        <header className="top">
          <button className="button icon only-narrow" aria-label="Navigation" aria-expanded={nav} onClick={() => setNav(!nav)}>
            <Menu aria-hidden size={18} />
          </button>
          <Link to="/" className="brand"><Mark /> Meshwright</Link>
          <WorkspaceChoice />
          <button className="button search" onClick={() => setPalette(true)}>
            <Search aria-hidden size={14} /> <span>Go to…</span> <kbd>Ctrl K</kbd>
          </button>
          <LiveState />
          <ThemeButton />
          <SignOut />
        </header>
        <nav className={nav ? "nav open" : "nav"} aria-label="Main">
          <div>
            {PLACES.map(({ to, title, icon: Icon, group }, index) => (
              <Fragment key={to}>
                {group && group !== PLACES[index - 1]?.group && <p className="nav-head">{group}</p>}
                {!group && index > 0 && PLACES[index - 1]?.group && <div className="menu-line" />}
                <Link to={to} className="nav-link" activeOptions={{ exact: to === "/" }}>
                  <Icon aria-hidden size={16} /> {title}
                </Link>
              </Fragment>
            ))}
          </div>
        </nav>
        <Outlet />
      </div>
      <Suspense>{palette && <CommandPalette onClose={() => setPalette(false)} />}</Suspense>
      <Suspense>{help && <ShortcutHelp onClose={() => setHelp(false)} />}</Suspense>
    </>
  );
}

function Mark() {
  return (
    <svg aria-hidden width={20} height={20} viewBox="0 0 32 32" fill="currentColor" stroke="currentColor">
      <path d="M8 9 24 9 16 24Z" fill="none" strokeWidth={2.5} />
      <circle cx={8} cy={9} r={4.2} /><circle cx={24} cy={9} r={4.2} /><circle cx={16} cy={24} r={4.2} />
    </svg>
  );
}

function LiveState() {
  const { state, interruptions } = useFeedState();
  const title =
    interruptions > 0
      ? `The event stream was interrupted ${interruptions} times and went on behind the last event: nothing is missing.`
      : "Events come as they happen.";
  return (
    <span className="live" title={title} role="status">
      <State state={state}>{state === "live" ? "live" : state === "signed-out" ? "not signed in" : "reconnecting"}</State>
    </span>
  );
}

function ThemeButton() {
  const theme = useTheme();
  return (
    <button className="button icon" aria-label={theme === "dark" ? "Light theme" : "Dark theme"} onClick={toggleTheme}>
      {theme === "dark" ? <Sun aria-hidden size={16} /> : <Moon aria-hidden size={16} />}
    </button>
  );
}

function SignOut() {
  const { principal } = useSession();
  const leave = (): void => {
    void api.DELETE("/v1/session").finally(signedOut);
  };
  return (
    <button className="button" onClick={leave} title={`${principal.name}, ${principal.role}`}>
      <LogOut aria-hidden size={14} /> <span className="wide-only">Sign out</span>
    </button>
  );
}
