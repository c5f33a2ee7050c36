/** A dialog over the page: focus stays in it, Escape closes it. */
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";

interface Props {
  title: string;
  description?: string;
  open: boolean;
  onClose(): void;
  /** `form` has room for two columns of fields, `wide` for tables and differences */
  size?: "form" | "wide";
  children: ReactNode;
}

export function Dialog({ title, description, open, onClose, size, children }: Props) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="overlay" />
        <Radix.Content className={size ? `dialog ${size}` : "dialog"} {...(description ? {} : { "aria-describedby": undefined })}>
          <div className="dialog-head">
            <Radix.Title>{title}</Radix.Title>
            <Radix.Close className="button icon" aria-label="Close">
              <X aria-hidden size={16} />
            </Radix.Close>
          </div>
          {description && <Radix.Description className="soft">{description}</Radix.Description>}
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
