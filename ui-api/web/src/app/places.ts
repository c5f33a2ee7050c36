/** The places that the navigation, the palette and the keys lead to. */
import { Activity, Boxes, FileText, LayoutDashboard, Network, Radio, Server, Settings, Waypoints, type LucideIcon } from "lucide-react";

export interface Place {
  to: "/" | "/topology" | "/meshes" | "/designs" | "/operations" | "/events" | "/workloads" | "/proxies" | "/settings";
  title: string;
  icon: LucideIcon;
  /** the key behind `g` */
  key: string;
}

export const PLACES: Place[] = [
  { to: "/", title: "Overview", icon: LayoutDashboard, key: "o" },
  { to: "/topology", title: "Topology", icon: Network, key: "t" },
  { to: "/meshes", title: "Meshes", icon: Waypoints, key: "m" },
  { to: "/designs", title: "Designs", icon: FileText, key: "d" },
  { to: "/operations", title: "Operations", icon: Activity, key: "p" },
  { to: "/events", title: "Events", icon: Radio, key: "e" },
  { to: "/workloads", title: "Workloads", icon: Boxes, key: "w" },
  { to: "/proxies", title: "Proxies", icon: Server, key: "x" },
  { to: "/settings", title: "Settings", icon: Settings, key: "s" },
];
