"""Saving and deleting resources.

Invariant: replacing an existing version requires its ETag, so nobody creates by accident what they meant to change; an
unchanged document makes no new version.
"""

from typing import Any

import msgspec

from meshwright.schemas.designs import Design
from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.api import Answer
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import RequestRefused


def save(session: Session, path: str, document: dict[str, Any], reason: str) -> Answer:
    """Create or replace a resource with this document. Raises RequestRefused."""
    try:
        return _put(session, path, document, reason, {"if-match": "*"})
    except RequestRefused as refused:
        if refused.slug != "stale":
            raise
    return create(session, path, document, reason)


def create(session: Session, path: str, document: dict[str, Any], reason: str) -> Answer:
    """Create a resource that does not exist. Raises RequestRefused."""
    return _put(session, path, document, reason, {"if-none-match": "*"})


def save_if_changed(session: Session, design: dict[str, Any], reason: str) -> tuple[Answer, bool]:
    """The newest version of the design, saved unless it is unchanged, and whether it was saved. Raises
    RequestRefused.
    """
    path = paths.one(paths.DESIGNS, design["id"])
    try:
        standing = session.api.request("GET", path)
    except RequestRefused as refused:
        if refused.status != 404:
            raise
        return save(session, path, design, reason), True
    if _same(standing.data, design):
        return standing, False
    return save(session, path, design, reason), True


def delete(session: Session, path: str, reason: str) -> Answer:
    """Delete the current version of a resource. Raises RequestRefused."""
    return session.api.request("DELETE", path, params={"reason": reason}, headers={"if-match": "*"})


def _put(session: Session, path: str, document: dict[str, Any], reason: str, headers: dict[str, str]) -> Answer:
    return session.api.request("PUT", path, body=document, params={"reason": reason}, headers=headers)


def _same(standing: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether two documents are equal with defaults filled in; false when unknown."""
    try:
        return msgspec.convert(standing, Design) == msgspec.convert(wanted, Design)
    except msgspec.ValidationError:
        return False
