"""Something happens to the cluster between two steps of an operation."""

from collections.abc import Awaitable, Callable

from meshwright.core import kit
from meshwright.schemas import operations
from meshwright.schemas.base import Message


def after(step: str, happens: Callable[[], Awaitable[None]]) -> type[kit.Journal]:
    """The journal of an operation in which this happens once, right after a step is recorded."""
    past: list[str] = []

    class Interrupted(kit.Journal):
        """What is recorded comes first."""

        async def append(self, message: Message) -> None:
            """Store it; what is to happen happens."""
            await super().append(message)
            if isinstance(message, operations.StepCompleted) and message.step == step and not past:
                past.append(step)
                await happens()

    return Interrupted
