/** The live tail, the log, and one event; the filters live in the URL. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";
import { texts } from "@/shared/search";

export const eventsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/events",
  validateSearch: texts("view", "entity", "type", "id", "operation", "text", "trace_id"),
  component: lazyRouteComponent(() => import("./EventsPage"), "EventsPage"),
});

export const eventRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/events/$event",
  component: lazyRouteComponent(() => import("./EventPage"), "EventPage"),
});

export const eventRoutes = [eventsRoute, eventRoute];
