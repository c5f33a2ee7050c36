/** A sign-in link leads here; whoever is signed in already goes on to the overview. */
import { createRoute, redirect } from "@tanstack/react-router";
import { rootRoute } from "@/app/root";

export const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  beforeLoad: () => {
    throw redirect({ to: "/" });
  },
});

export const signInRoutes = [signInRoute];
