"""What a handler and a preview have at hand: the command, the runtime, the adapter's running service, its settings.

Invariant: nothing of it is made for one call; a preview sees what the operation will see.
"""

from typing import Any, TypeVar

import msgspec

from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.runtime import Runtime
from meshwright.schemas import operations

S = TypeVar("S")
C = TypeVar("C", bound=msgspec.Struct)


class BaseContext:
    """One command as an adapter sees it."""

    def __init__(self, command: operations.Command, runtime: Runtime, service: object) -> None:
        self.command = command
        self.runtime = runtime
        self._service = service

    def service(self, kind: type[S]) -> S:
        """What the adapter's `@service` gave. Raises TypeError when it is of another kind."""
        if not isinstance(self._service, kind):
            raise TypeError(f"the service of {self.command.adapter} is {type(self._service).__name__}, not {kind}")
        return self._service

    async def connection(self) -> OpenConnection[Any]:
        """The connection that the command names; see `Runtime.connection`."""
        return await self.runtime.connection(self.command.workspace, self.command.connection)

    def settings(self, kind: type[C]) -> C:
        """The adapter's settings; see `Runtime.settings`. Raises InvalidSettings naming every bad variable."""
        return self.runtime.settings(kind)


class PreviewContext(BaseContext):
    """What tells beforehand what an operation would do may use; nothing may be changed with it."""
