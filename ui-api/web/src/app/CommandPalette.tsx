/** Go to any page, mesh, design or workload by typing a part of its name. */
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Dialog } from "@/shared/Dialog";
import { query } from "@/api/client";
import { PLACES } from "./places";

export default function CommandPalette({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Go to" open onClose={onClose}>
      <Choices onDone={onClose} />
    </Dialog>
  );
}

function Choices({ onDone }: { onDone(): void }) {
  const navigate = useNavigate();
  const meshes = query.useQuery("get", "/v1/meshes", { params: { query: { page_size: 100 } } });
  const designs = query.useQuery("get", "/v1/designs", { params: { query: { page_size: 200 } } });
  const workloads = query.useQuery("get", "/v1/workloads", { params: { query: { page_size: 500 } } });
  const go = (leave: () => Promise<void>): void => {
    onDone();
    void leave();
  };
  return (
    <Command label="Go to" className="palette">
      <Command.Input placeholder="A page, a mesh, a design, a workload…" autoFocus />
      <Command.List>
        <Command.Empty>Nothing has that name.</Command.Empty>
        <Command.Group heading="Pages">
          {PLACES.map((place) => (
            <Command.Item key={place.to} value={place.title} onSelect={() => go(() => navigate({ to: place.to }))}>{place.title}</Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Meshes">
          {meshes.data?.items.map(({ id }) => (
            <Command.Item key={id} value={`mesh ${id}`} onSelect={() => go(() => navigate({ to: "/meshes/$mesh", params: { mesh: id } }))}>{id}</Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Designs">
          {designs.data?.items.map(({ id }) => (
            <Command.Item key={id} value={`design ${id}`} onSelect={() => go(() => navigate({ to: "/designs/$design", params: { design: id } }))}>{id}</Command.Item>
          ))}
        </Command.Group>
        <Command.Group heading="Workloads">
          {workloads.data?.items.map((each) => (
            <Command.Item key={each.id} value={`workload ${each.id}`} onSelect={() => go(() => navigate({ to: "/workloads/$workload", params: { workload: each.id } }))}>
              {each.name} <span className="soft">{each.namespace || each.mesh}</span>
            </Command.Item>
          ))}
        </Command.Group>
      </Command.List>
    </Command>
  );
}
