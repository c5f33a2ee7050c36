/** The way to whatever an entity is shown by. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Schemas } from "@/api/client";

export function EntityLink({ entity, children }: { entity: Schemas["EntityLink"]; children: ReactNode }) {
  const { kind, id, mesh, design } = entity;
  const props = { className: "name", children };
  switch (kind) {
    case "mesh":
      return <Link to="/meshes/$mesh" params={{ mesh: id }} {...props} />;
    case "proxy":
      return id ? <Link to="/proxies/$proxy" params={{ proxy: id }} {...props} /> : <Link to="/proxies" search={{ mesh, state: "rejected" }} {...props} />;
    case "operation":
      return <Link to="/operations/$operation" params={{ operation: id }} {...props} />;
    case "deadletter":
      return <Link to="/deadletters" search={{ letter: id }} {...props} />;
    case "drift":
      return <Link to="/designs/$design" params={{ design }} search={{ tab: "drift" }} {...props} />;
    case "connection":
      return <Link to="/settings" search={{ section: "connections", name: id }} {...props} />;
    case "adapter":
      return <Link to="/settings" search={{ section: "adapters" }} {...props} />;
    default:
      return <Link to="/settings" search={{ section: "system" }} {...props} />;
  }
}
