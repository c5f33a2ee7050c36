/** Signed in or not: the pages, or the way in. */
import { useQueryClient } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { BASE } from "@/api/client";
import { problemOf, type Problem } from "@/api/problem";
import { remember, SessionContext, whenSignedOut, type Session } from "@/api/session";
import { startIn } from "@/api/workspace";
import { SignIn } from "@/features/sign-in/SignIn";
import { ProblemNote } from "@/shared/ProblemNote";
import { router } from "./router";

type State = { session: Session | null; problem?: Problem } | "asking";

async function ask(): Promise<State> {
  try {
    const response = await fetch(new URL("v1/session", BASE), { credentials: "same-origin", cache: "no-store" });
    if (response.status === 401) return { session: null };
    if (!response.ok) return { session: null, problem: await problemOf(response) };
    return { session: (await response.json()) as Session };
  } catch {
    const title = "The API did not answer";
    return { session: null, problem: { type: "about:blank", title, status: 0, remedy: "Is it running? Reload the page." } };
  }
}

function begin(session: Session | null): void {
  remember(session);
  if (session) startIn(session.principal.workspace);
}

export function App() {
  const [state, setState] = useState<State>("asking");
  const client = useQueryClient();

  useEffect(() => {
    whenSignedOut(() => {
      client.clear();
      setState({ session: null });
    });
    void ask().then((answer) => {
      if (answer !== "asking") begin(answer.session);
      setState(answer);
    });
  }, [client]);

  if (state === "asking") return <p className="starting">Meshwright</p>;
  if (state.problem) return <main className="centred"><ProblemNote problem={state.problem} /></main>;
  if (!state.session) {
    const signedIn = (session: Session): void => {
      begin(session);
      setState({ session });
    };
    return <SignIn onSignedIn={signedIn} />;
  }
  return (
    <SessionContext value={state.session}>
      <RouterProvider router={router} />
    </SessionContext>
  );
}
