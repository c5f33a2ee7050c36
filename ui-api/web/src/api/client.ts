/**
 * The typed client of the API. Its types are generated from the OpenAPI document at every build, so a page that asks for
 * what the API does not have does not compile.
 *
 * Invariant: every write carries the session's CSRF proof, and every read the workspace that is shown.
 */
import createFetchClient, { type Middleware } from "openapi-fetch";
import createQueryClient from "openapi-react-query";
import { ApiError, problemOf } from "./problem";
import type { components, paths } from "./schema";
import { csrf, signedOut } from "./session";
import { workspace } from "./workspace";

export type Schemas = components["schemas"];

/** The address of the API and of the dashboard: the page's own, whatever its base path is. */
export const BASE = typeof document === "undefined" ? "http://localhost/" : new URL(".", document.baseURI).href;

const SAFE = new Set(["GET", "HEAD"]);

const session: Middleware = {
  onRequest({ request }) {
    request.headers.set("Meshwright-Workspace", workspace());
    if (!SAFE.has(request.method)) request.headers.set("Meshwright-CSRF", csrf());
    return request;
  },
  async onResponse({ request, response }) {
    if (response.ok || response.status === 304) return response;
    if (response.status === 401 && !request.url.endsWith("/v1/session")) signedOut();
    throw new ApiError(await problemOf(response));
  },
};

/** For calls outside React. Throws ApiError with the API's problem. */
export const api = createFetchClient<paths, "application/json">({ baseUrl: BASE.replace(/\/$/, ""), credentials: "same-origin" });
api.use(session);

/** For components: `query.useQuery("get", "/v1/meshes", …)`. */
export const query = createQueryClient(api);

/** The id of the operation that a write began; empty when it was only a preview. */
export function begun(answer: object | undefined): string {
  return answer && "id" in answer && typeof answer.id === "string" ? answer.id : "";
}

/** A body to send: what has a default may be left out, which the generated types of answers do not say. */
export function sending<T>(body: Partial<T>): T {
  return body as T;
}
