"""Meshwright's additions to the ASGI scope of a request, about its connection."""

from typing import Any, Protocol

FAULT = "meshwright.fault"
"""the key of an error in the body, a `Refusal`; only present when there is one"""
CONNECTION = "meshwright.connection"


class Connection(Protocol):
    """The connection of a request."""

    authenticated: bool
    """whether one of its requests had a valid token"""


def authenticated(scope: Any) -> None:
    """Mark the connection of this request as authenticated."""
    connection: Connection | None = scope.get(CONNECTION)
    if connection is not None:
        connection.authenticated = True
