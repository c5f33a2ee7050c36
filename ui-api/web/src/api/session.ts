/**
 * Who is signed in. The session itself is a cookie that no script can read; this keeps its CSRF proof in memory.
 *
 * Invariant: no token and no code is ever stored, logged or left in the address bar.
 */
import { createContext, useContext } from "react";
import type { components } from "./schema";

export type Session = components["schemas"]["Session"];
export type Role = Session["principal"]["role"];

const ORDER: Role[] = ["viewer", "operator", "admin"];
let proof = "";
let onSignedOut: () => void = () => undefined;

export function remember(session: Session | null): void {
  proof = session?.csrf ?? "";
}

export function csrf(): string {
  return proof;
}

export function whenSignedOut(call: () => void): void {
  onSignedOut = call;
}

export function signedOut(): void {
  remember(null);
  onSignedOut();
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("this is shown only to those who are signed in");
  return session;
}

/** Why the caller may not do what needs that role; empty when she may. The server decides all the same. */
export function refusalFor(needed: Role, principal: Session["principal"], everywhere = false): string {
  if (ORDER.indexOf(principal.role) < ORDER.indexOf(needed)) {
    return `This needs the role ${needed}; you have ${principal.role}.`;
  }
  if (everywhere && principal.workspace !== "*") return "This needs a role for all workspaces.";
  return "";
}

export function useRefusal(needed: Role, everywhere = false): string {
  return refusalFor(needed, useSession().principal, everywhere);
}
