"""Errors with the information that a user needs to act.

Problem: an error that only says "500" costs an hour. Invariant: every refusal of the API is one of `PROBLEM_TYPES` (RFC
9457, stable URI, documented page) and every failure of an operation is a `Failure` with what happened, the probable
cause and the remedy.
"""

from typing import Any, Literal, TypeAlias

from meshwright.schemas.base import Model

Severity: TypeAlias = Literal["info", "warning", "error", "fatal"]


class Failure(Model, frozen=True, kw_only=True):
    """Why an operation or a step did not succeed."""

    code: str
    what: str
    cause: str = ""
    remedy: str = ""
    severity: Severity = "error"
    retryable: bool = False
    details: dict[str, Any] = {}


class FieldError(Model, frozen=True, kw_only=True):
    """One invalid field of a request; `pointer` is a JSON pointer into the body (RFC 6901, `#/a/0/b`)."""

    detail: str
    pointer: str = "#"
    code: str = ""
    """a stable code, for refusals that have one"""


class Problem(Model, frozen=True, kw_only=True):
    """An `application/problem+json` document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    errors: list[FieldError] = []
    remedy: str = ""
    trace_id: str = ""


class ProblemType(Model, frozen=True, kw_only=True):
    """One kind of refusal: its URI is `/problems/<slug>`, served as a page of documentation."""

    slug: str
    title: str
    status: int
    explanation: str


PROBLEM_TYPES: dict[str, ProblemType] = {
    kind.slug: kind
    for kind in (
        ProblemType(
            slug="invalid-request",
            title="Invalid request",
            status=400,
            explanation="A parameter, header or body could not be parsed. `errors` names each place.",
        ),
        ProblemType(
            slug="unauthenticated",
            title="Authentication required",
            status=401,
            explanation="Send `Authorization: Bearer <token>`. `make up` prints where the admin token is.",
        ),
        ProblemType(
            slug="forbidden",
            title="Permission denied",
            status=403,
            explanation="Viewers read, operators change meshes, admins also manage workspaces and tokens.",
        ),
        ProblemType(
            slug="csrf-proof-required",
            title="Proof against forged requests required",
            status=403,
            explanation="A write of a browser session carries the `csrf` of GET /v1/session as the header "
            "`Meshwright-CSRF`, and comes from a page of this server. With an API token it needs neither.",
        ),
        ProblemType(
            slug="not-found",
            title="Resource not found",
            status=404,
            explanation="The resource does not exist in this workspace, or is not visible to this token.",
        ),
        ProblemType(
            slug="method-not-allowed",
            title="Method not allowed",
            status=405,
            explanation="The Allow header lists the methods that work here.",
        ),
        ProblemType(
            slug="request-timeout",
            title="Request timeout",
            status=408,
            explanation="A request is read for a bounded time. Connect again and send it without a pause.",
        ),
        ProblemType(
            slug="already-exists",
            title="Resource already exists",
            status=409,
            explanation="A resource of that name exists. Choose another name, or update it with If-Match.",
        ),
        ProblemType(
            slug="in-use",
            title="Resource in use",
            status=409,
            explanation="Remove what depends on it first. `detail` names it.",
        ),
        ProblemType(
            slug="operation-finished",
            title="Operation state does not allow this",
            status=409,
            explanation="Only an operation that has not ended can be cancelled, "
            "and only one that has ended without success can be retried.",
        ),
        ProblemType(
            slug="webhook-disabled",
            title="Webhook disabled",
            status=409,
            explanation="Nothing is sent to a disabled webhook. Enable it first.",
        ),
        ProblemType(
            slug="unreadable-command",
            title="Command cannot be read",
            status=409,
            explanation="The stored command fits no operation that this version knows, so it cannot be replayed. "
            "Look at its bytes with `meshwright deadletters show`, then drop it.",
        ),
        ProblemType(
            slug="stale",
            title="Precondition failed",
            status=412,
            explanation="The ETag in If-Match is not the current one. Read again, compare, and send the new ETag.",
        ),
        ProblemType(
            slug="too-large",
            title="Content too large",
            status=413,
            explanation="A body may have 1 MiB. Split the design into several.",
        ),
        ProblemType(
            slug="url-too-long",
            title="URI too long",
            status=414,
            explanation="A URL may have 8 KiB. Use fewer filters at a time.",
        ),
        ProblemType(
            slug="unsupported-media-type",
            title="Unsupported media type",
            status=415,
            explanation="Send application/json, or application/yaml for designs.",
        ),
        ProblemType(
            slug="invalid-document",
            title="Invalid document",
            status=422,
            explanation="The body was read, but its content breaks a rule. `errors` names each place.",
        ),
        ProblemType(
            slug="unsupported-intent",
            title="Intent not supported by this mesh",
            status=422,
            explanation="The adapter says why, and what to use instead. See the intent matrix at /v1/adapters.",
        ),
        ProblemType(
            slug="idempotency-key-reused",
            title="Idempotency-Key already used",
            status=422,
            explanation="The key was used with another body. Use a new key for a new request.",
        ),
        ProblemType(
            slug="if-match-required",
            title="Precondition required",
            status=428,
            explanation="Send If-Match with the ETag that you read, or If-None-Match: * to create.",
        ),
        ProblemType(
            slug="too-many-requests",
            title="Too many requests",
            status=429,
            explanation="A limit of this server was reached. Retry-After says when to try again.",
        ),
        ProblemType(
            slug="headers-too-large",
            title="Request header fields too large",
            status=431,
            explanation="A request may have 100 header fields, and 16 KiB of them. Send fewer or shorter ones.",
        ),
        ProblemType(
            slug="internal",
            title="Internal error",
            status=500,
            explanation="A defect of Meshwright. The server's log has it under the trace id.",
        ),
        ProblemType(
            slug="too-many-connections",
            title="Too many connections",
            status=503,
            explanation="This server holds as many connections as it may (MESHWRIGHT_API_CONNECTIONS), and none "
            "of them is idle. Try again, or use fewer event streams.",
        ),
        ProblemType(
            slug="adapter-unavailable",
            title="Adapter unavailable",
            status=503,
            explanation="No running worker announces the adapter, or none supports this operation. Start one with "
            "`meshwright-adapter NAME`; a new one needs some seconds after its start, or after an outage of NATS, "
            "to announce itself. Then retry. Nothing was changed.",
        ),
        ProblemType(
            slug="adapter-failed",
            title="Adapter failed",
            status=502,
            explanation="The worker failed, or its answer could not be read; its log says why. Nothing was changed.",
        ),
        ProblemType(
            slug="adapter-slow",
            title="Adapter timeout",
            status=504,
            explanation="The worker is alive, but needs longer than a request may take. Ask for the operation itself, "
            "which checks the same and has the time, or ask about a smaller design. Nothing was changed.",
        ),
        ProblemType(
            slug="target-unavailable",
            title="Target does not answer",
            status=503,
            explanation="The adapter runs; the cluster, server or proxy that it must ask does not answer now. "
            "Retry when that runs again. Nothing was changed.",
        ),
        ProblemType(
            slug="bus-unavailable",
            title="Message bus unavailable",
            status=503,
            explanation="NATS is out of reach, so nothing is known to be written. Retry with the same Idempotency-Key.",
        ),
        ProblemType(
            slug="no-secret-key",
            title="No secret key configured",
            status=503,
            explanation="Secrets of webhooks and credentials of connections are stored sealed, with a key. "
            "Set MESHWRIGHT_SECRET_KEY_FILE to the same file for the API, the notifier and all workers.",
        ),
        ProblemType(
            slug="store-unavailable",
            title="Database unavailable",
            status=503,
            explanation="MongoDB is out of reach, so this cannot be read now. Writes still work.",
        ),
        ProblemType(
            slug="not-yet-visible",
            title="Write not visible yet",
            status=504,
            explanation="The view had not reached `min_seq` in time. The write is safe; read again.",
        ),
    )
}
