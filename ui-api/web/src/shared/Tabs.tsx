/** Tabs whose choice lives in the URL, so that every one of them has a link. */
import { Tabs as Radix } from "radix-ui";
import { useEffect, useRef, type ReactNode } from "react";

interface Props {
  label: string;
  value: string;
  onChange(value: string): void;
  tabs: { id: string; title: ReactNode; content: ReactNode }[];
}

export function Tabs({ label, value, onChange, tabs }: Props) {
  const chosen = tabs.some((tab) => tab.id === value) ? value : (tabs[0]?.id ?? "");
  const list = useRef<HTMLDivElement>(null);
  // On a phone there is no room for all of them.
  useEffect(() => {
    const tab = list.current?.querySelector<HTMLElement>("[aria-selected=true]");
    if (tab && list.current) list.current.scrollLeft = tab.offsetLeft - (list.current.clientWidth - tab.offsetWidth) / 2;
  }, [chosen]);
  return (
    <Radix.Root value={chosen} onValueChange={onChange} className="tabs">
      <Radix.List ref={list} aria-label={label} className="tab-list">
        {tabs.map((tab) => (
          <Radix.Trigger key={tab.id} value={tab.id} className="tab">
            {tab.title}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.id} value={tab.id} className="tab-content">
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
