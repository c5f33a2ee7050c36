"""Conditional requests (RFC 9110): ETags of resources, If-Match and If-None-Match.

Invariant: an existing document is replaced or deleted only by a caller who named its current version; the final check
is JetStream's, by the expected sequence of the subject.
"""

import re

from starlette.responses import Response

from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal

_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*\Z')


def tags(header: str) -> list[str]:
    """The ETags in a header without their quotes; `*` stays."""
    etags = []
    for part in header.split(","):
        matched = _TAG.match(part)
        if matched:
            tag = matched.group(1)
            etags.append('"*"' if tag == "*" else tag)  # in quotes it is a tag like any other, which no resource has
        elif part.strip():
            etags.append(part.strip())
    return etags


def for_write(if_match: str, if_none_match: str, current: int | None) -> None:
    """Check a write against the current version (None: there is none).

    Raises Refusal `stale` or `if-match-required`.
    """
    if "*" in tags(if_none_match) and current is not None:
        raise Refusal("stale", f'it exists already, with ETag "{current}"', headers=_etag(current))
    if if_match:
        if current is None:
            raise Refusal("stale", "it does not exist")
        wanted = tags(if_match)
        if "*" not in wanted and str(current) not in wanted:
            raise Refusal("stale", f'the current ETag is "{current}"', headers=_etag(current))
    elif current is not None:
        raise Refusal("if-match-required", f'send If-Match: "{current}" to replace the current version')


def not_modified(if_none_match: str, etag: int) -> Response | None:
    """304 when the client has this version already."""
    wanted = tags(if_none_match)
    if str(etag) in wanted or "*" in wanted:
        return Response(status_code=304, headers=_etag(etag))
    return None


def _etag(current: int) -> dict[str, str]:
    return {"ETag": answers.quoted(current)}
