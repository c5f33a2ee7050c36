/** The same thing elsewhere: as a command, as a request, or as a file. */
import { Check, Copy, Download } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { BASE } from "@/api/client";
import { workspace } from "@/api/workspace";
import { csv } from "./csv";
import { shellWord } from "./Filters";

export interface Equivalent {
  /** the words behind `meshwright` */
  cli: string;
  /** the request: `GET /v1/meshes?…` */
  request: string;
  body?: unknown;
  /** what is shown, for an export */
  data?: unknown;
  /** rows of a table, for CSV */
  rows?: Record<string, unknown>[];
  /** the exported file's name, without an ending */
  name?: string;
}

export function cliOf({ cli }: Equivalent): string {
  const place = workspace() === "default" ? "" : ` --workspace ${workspace()}`;
  return `meshwright ${cli}${place}`;
}

export function curlOf({ request, body }: Equivalent): string {
  const [method = "GET", path = "/"] = request.split(" ", 2);
  const parts = ["curl -sS"];
  if (method !== "GET") parts.push(`-X ${method}`);
  parts.push('-H "Authorization: Bearer $MESHWRIGHT_TOKEN"');
  if (workspace() !== "default") parts.push(`-H 'Meshwright-Workspace: ${workspace()}'`);
  if (body !== undefined) parts.push(`-H 'Content-Type: application/json' -d ${shellWord(JSON.stringify(body))}`);
  parts.push(shellWord(new URL(path.replace(/^\//, ""), BASE).href));
  return parts.join(" ");
}


export function save(name: string, text: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function saveYaml(name: string, data: unknown): Promise<void> {
  const { stringify } = await import("yaml");
  save(`${name}.yaml`, stringify(data), "application/yaml");
}

export function Copies(same: Equivalent) {
  const [copied, setCopied] = useState("");
  const copy = (text: string, what: string): void => {
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(what);
      setTimeout(() => setCopied(""), 2000);
    });
  };
  const name = same.name ?? "meshwright";
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="button" aria-label="Copy as a command, or export">
        {copied ? <Check aria-hidden size={14} /> : <Copy aria-hidden size={14} />}
        <span aria-live="polite">{copied ? `${copied} copied` : "Copy as"}</span>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={4}>
          <DropdownMenu.Item className="menu-item" onSelect={() => copy(cliOf(same), "Command")}>
            <span>Copy as CLI</span>
            <code>{cliOf(same)}</code>
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => copy(curlOf(same), "curl")}>
            <span>Copy as curl</span>
            <code>{same.request}</code>
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => copy(location.href, "Link")}>
            <span>Copy link</span>
          </DropdownMenu.Item>
          {same.data !== undefined && (
            <>
              <DropdownMenu.Separator className="menu-line" />
              <Export label="JSON" onSave={() => save(`${name}.json`, JSON.stringify(same.data, null, 2), "application/json")} />
              <Export label="YAML" onSave={() => void saveYaml(name, same.data)} />
            </>
          )}
          {same.rows && <Export label="CSV" onSave={() => save(`${name}.csv`, csv(same.rows ?? []), "text/csv")} />}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function Export({ label, onSave }: { label: string; onSave(): void }) {
  return (
    <DropdownMenu.Item className="menu-item" onSelect={onSave}>
      <span>
        <Download aria-hidden size={14} /> Export {label}
      </span>
    </DropdownMenu.Item>
  );
}
