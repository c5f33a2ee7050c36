/**
 * Every button that changes something: one that the caller's role does not allow says so instead. It stays focusable,
 * so that the reason can be read by keyboard too.
 */
import { Tooltip } from "radix-ui";
import type { ReactNode } from "react";
import { useRefusal, type Role } from "@/api/session";

interface Props {
  role: Role;
  everywhere?: boolean;
  /** another reason why it cannot be used now */
  because?: string;
  tone?: "primary" | "danger" | "plain";
  /** sends its form instead of calling `onClick` */
  submit?: boolean;
  /** it is being done */
  busy?: boolean;
  onClick?(): void;
  children: ReactNode;
}

export function Guarded({ role, everywhere, because, tone = "plain", submit, busy, onClick, children }: Props) {
  const reason = useRefusal(role, everywhere) || because || "";
  const button = (
    <button
      type={submit ? "submit" : "button"}
      className={`button ${tone}`}
      data-writes={role}
      disabled={busy}
      aria-disabled={reason ? true : undefined}
      onClick={(event) => {
        if (reason) event.preventDefault();
        else onClick?.();
      }}
    >
      {children}
      {reason && <span className="visually-hidden">. {reason}</span>}
    </button>
  );
  if (!reason) return button;
  return (
    <Tooltip.Provider delayDuration={200}>
      <Tooltip.Root>
        <Tooltip.Trigger asChild>{button}</Tooltip.Trigger>
        <Tooltip.Portal>
          <Tooltip.Content className="tooltip" sideOffset={4}>{reason}</Tooltip.Content>
        </Tooltip.Portal>
      </Tooltip.Root>
    </Tooltip.Provider>
  );
}
