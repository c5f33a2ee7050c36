"""Refusals: every unsuccessful response, as RFC 9457 problem+json.

Problem: an error that each route words for itself cannot be handled by a program. Invariant: for every error the body
is a `Problem` whose type is one of `PROBLEM_TYPES`; input is never echoed as HTML, and no internal detail is exposed.
"""

import difflib
from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from meshwright.core.telemetry import tracing
from meshwright.schemas.errors import PROBLEM_TYPES, FieldError, Problem

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 1
"""seconds that a client should wait before it retries after an unavailability"""
_NAMED = 10
"""how many names a refusal names"""


class Refusal(Exception):
    """Raised anywhere below a route and converted to the response. `slug` is a key of PROBLEM_TYPES."""

    def __init__(
        self,
        slug: str,
        detail: str = "",
        *,
        errors: list[FieldError] | None = None,
        remedy: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{slug}: {detail}")
        self.slug = slug
        self.detail = detail
        self.errors = errors or []
        self.remedy = remedy
        self.headers = headers or {}

    def problem(self, instance: str) -> Problem:
        """The document to send."""
        kind = PROBLEM_TYPES[self.slug]
        return Problem(
            type=f"/problems/{self.slug}",
            title=kind.title,
            status=kind.status,
            detail=self.detail,
            instance=instance,
            errors=self.errors,
            remedy=self.remedy or kind.explanation,
            trace_id=tracing.trace_id(),
        )


def not_found(what: str, name: str, known: Sequence[str] = ()) -> Refusal:
    """The refusal for a resource that does not exist, or is not visible to the caller; `known` are the existing names
    that the caller may see.
    """
    return Refusal("not-found", f"there is no {what} {name!r} in this workspace", remedy=meant(name, known))


def meant(name: str, known: Sequence[str]) -> str:
    """What was perhaps meant by a name, or else the names that there are; empty where there are none."""
    near = difflib.get_close_matches(name, known, 1, 0.6)
    there = f"There are: {', '.join(known[:_NAMED])}." if known else ""
    return f"Did you mean {near[0]}?" if near else there


def invalid(detail: str, pointer: str = "#") -> Refusal:
    """The refusal for one invalid parameter or header."""
    return Refusal("invalid-request", detail, errors=[FieldError(detail=detail, pointer=pointer)])


def answer(refused: Refusal, instance: str) -> Response:
    """The response to a refusal."""
    problem = refused.problem(instance)
    headers = dict(refused.headers)
    if problem.status in (429, 503, 504):
        headers.setdefault("Retry-After", str(RETRY_AFTER))
    if problem.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return Response(msgspec.json.encode(problem), problem.status, headers, MEDIA_TYPE)
