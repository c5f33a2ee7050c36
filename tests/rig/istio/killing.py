"""Operations whose worker dies around the record of every step.

Each step is cut off twice: with its effect there and its record not, and right behind its record. What begins anew
knows only the events that are stored.
"""

from typing import Any

from meshwright.core import kit
from meshwright.schemas import operations
from meshwright.schemas.base import Message
from meshwright.schemas.operations import Arguments
from rig.kubernetes.operating import Operator


class Killed(BaseException):
    """The end of an attempt, as far as its handler can tell."""


class Mortal(kit.Journal):
    """The journal of an attempt that ends at its first record of a step, before or right behind it."""

    stored = False

    async def append(self, message: Message) -> None:
        """Store it, or die."""
        if isinstance(message, operations.StepCompleted):
            if self.stored:
                await super().append(message)
            raise Killed
        await super().append(message)


async def killed(operator: Operator, arguments: Arguments) -> tuple[Any, int]:
    """The result of an operation whose worker dies twice at every step, and how often it died."""
    command, kills = operator.command(arguments), 0
    while True:
        journal = Mortal(operator.bus, command)
        journal.stored = kills % 2 == 1
        history = await journal.read()
        assert len(history.completed) == kills // 2
        try:
            return await operator.handle(operator.context(command, journal), arguments), kills
        except Killed:
            kills += 1
            assert kills < 200
