/** What the API says when it refuses: problem+json (RFC 9457), with the fields at fault and the remedy. */
export interface FieldError {
  detail: string;
  pointer?: string;
  code?: string;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  remedy?: string;
  trace_id?: string;
  errors?: FieldError[];
}

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
  }
}

/** The problem of a refused request, also where something else than the API answered. */
export async function problemOf(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json();
    if (body && typeof body === "object" && "title" in body) return body as Problem;
  } catch {
    // Not JSON: a proxy answered in the API's place.
  }
  return {
    type: "about:blank",
    title: `The server answered ${response.status}`,
    status: response.status,
    detail: "The answer is not one of the API's.",
  };
}

/** Any error as a problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { type: "about:blank", title: "The API did not answer", status: 0, detail, remedy: "Is it running? Try again." };
}
