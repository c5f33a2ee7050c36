/** The places that the navigation, the palette and the keys lead to. */
import { Activity, Boxes, FileText, LayoutDashboard, Network, Radio, Server, Settings, Waypoints, type LucideIcon } from "lucide-react";

export interface Place {
  to: "/" | "/topology" | "/meshes" | "/designs" | "/operations" | "/events" | "/workloads" | "/proxies" | "/settings";
  title: string;
  icon: LucideIcon;
  /** the key behind `g` */
  key: string;
  /** what it is about: places of one group stand under its heading */
  group: "" | "What is there" | "What changes";
}

export const PLACES: Place[] = [
  { to: "/", title: "Overview", icon: LayoutDashboard, key: "o", group: "" },
  { to: "/topology", title: "Topology", icon: Network, key: "t", group: "" },
  { to: "/meshes", title: "Meshes", icon: Waypoints, key: "m", group: "What is there" },
  { to: "/workloads", title: "Workloads", icon: Boxes, key: "w", group: "What is there" },
  { to: "/proxies", title: "Proxies", icon: Server, key: "x", group: "What is there" },
  { to: "/designs", title: "Designs", icon: FileText, key: "d", group: "What changes" },
  { to: "/operations", title: "Operations", icon: Activity, key: "p", group: "What changes" },
  { to: "/events", title: "Events", icon: Radio, key: "e", group: "What changes" },
  { to: "/settings", title: "Settings", icon: Settings, key: "s", group: "" },
];
