"""What a request's ASGI scope holds of its connection, beside what ASGI says."""

from typing import Any, Protocol

FAULT = "meshwright.fault"
"""what is wrong with the body, a `Refusal`; only there when something is"""
CONNECTION = "meshwright.connection"


class Connection(Protocol):
    """The connection that a request came by."""

    authenticated: bool
    """whether one of its requests showed a token that counts"""


def authenticated(scope: Any) -> None:
    """Note that the connection of this request belongs to somebody who is known."""
    connection: Connection | None = scope.get(CONNECTION)
    if connection is not None:
        connection.authenticated = True
