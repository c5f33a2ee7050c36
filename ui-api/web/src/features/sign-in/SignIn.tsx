/**
 * The way in: a token, or the one-time code of a link.
 *
 * Invariant: the code is taken out of the address bar and of the history before anything is asked with it.
 */
import { useEffect, useState, type FormEvent } from "react";
import { BASE } from "@/api/client";
import { asProblem, problemOf, ApiError, type Problem } from "@/api/problem";
import type { Session } from "@/api/session";
import { ProblemNote } from "@/shared/ProblemNote";

async function signIn(credential: { token: string } | { code: string }): Promise<Session> {
  const response = await fetch(new URL("v1/session", BASE), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(credential),
    credentials: "same-origin",
  });
  if (!response.ok) throw new ApiError(await problemOf(response));
  return (await response.json()) as Session;
}

/** The code of a sign-in link, which is then gone from the address bar. */
function takeCode(): string {
  const code = new URLSearchParams(location.hash.slice(1)).get("code") ?? "";
  if (code) history.replaceState(null, "", BASE);
  return code;
}

/** Taken once per page: what renders twice must not ask twice. */
let code = typeof location === "undefined" ? "" : takeCode();

export function SignIn({ onSignedIn }: { onSignedIn(session: Session): void }) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(code !== "");
  const [problem, setProblem] = useState<Problem | null>(null);

  const attempt = (credential: { token: string } | { code: string }): void => {
    setBusy(true);
    setProblem(null);
    signIn(credential).then(onSignedIn, (error: unknown) => {
      setProblem(asProblem(error));
      setBusy(false);
    });
  };
  useEffect(() => {
    if (!code) return;
    const once = code;
    code = "";
    attempt({ code: once });
    // Only at the first render: a code serves once.
  }, []);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    attempt({ token: token.trim() });
  };
  return (
    <main className="centred">
      <form className="card sign-in" onSubmit={submit}>
        <h1>Sign in to Meshwright</h1>
        {problem && <ProblemNote problem={problem} />}
        <label>
          API token
          <input
            type="password"
            name="token"
            autoComplete="current-password"
            autoFocus
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        <button className="button primary" type="submit" disabled={busy || !token.trim()}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p className="soft">
          Or run <code>meshwright dashboard</code> where you are signed in: it prints a link that signs in once.
        </p>
      </form>
    </main>
  );
}
