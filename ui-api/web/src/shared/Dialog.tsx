/** A dialog over the page: focus stays in it, Escape closes it. */
import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";

interface Props {
  title: string;
  description?: string;
  open: boolean;
  onClose(): void;
  wide?: boolean;
  children: ReactNode;
}

export function Dialog({ title, description, open, onClose, wide, children }: Props) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="overlay" />
        <Radix.Content className={wide ? "dialog wide" : "dialog"} {...(description ? {} : { "aria-describedby": undefined })}>
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
