"""From intents to native resources: the only caller of translators.

Invariant: a translator gets facts that were read, and only intents that the mesh is new enough for; what cannot be
done has a reason. Translating is pure, so it may be stopped at any time.
"""

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from meshwright.core.kit.target import Facts
from meshwright.schemas.intents import AnyIntent, Intent, Translation, Unsupported, intent_kind

Answer: TypeAlias = Translation | Unsupported
_BREATH = 0.001
"""seconds of pause behind each intent: this thread would otherwise keep the interpreter from all others"""


class Rule:
    """How one kind of intent is answered: by a translator for versions of the mesh, or by a refusal."""

    def __init__(self, translator: Callable[[Any, Any], Answer], since: str, until: str = "") -> None:
        self.translator = translator
        self.since = since
        self.until = until

    def misfit(self, kind: str, version: str) -> Unsupported | None:
        """The refusal of a mesh whose version is known and too old, or too new."""
        if self.until and version and numbers(version) >= numbers(self.until):
            return Unsupported(
                intent=kind, because=f"the mesh has no words for it since version {self.until}, and this is {version}"
            )
        if not self.since or not version or numbers(version) >= numbers(self.since):
            return None
        return Unsupported(
            intent=kind,
            because=f"it needs version {self.since} of the mesh, and this one is {version}",
            instead=f"upgrade the mesh to {self.since} or newer",
        )


class Translators:
    """What an adapter has registered for intents; `adapter` names it in refusals."""

    def __init__(self, adapter: str) -> None:
        self._adapter = adapter
        self.rules: dict[str, Rule] = {}
        self.refusals: dict[str, Unsupported] = {}

    def refusal(self, kind: str, version: str) -> Unsupported | None:
        """Why a mesh of this version cannot do what such an intent asks; None when it can."""
        if kind in self.refusals:
            return self.refusals[kind]
        if kind not in self.rules:
            return Unsupported(intent=kind, because=f"the {self._adapter} adapter does not translate it")
        return self.rules[kind].misfit(kind, version)

    def translate(self, intent: Intent, facts: Facts) -> Answer:
        """What an intent becomes on the mesh of these facts, or why it becomes nothing."""
        kind = intent_kind(intent)
        refused = self.refusal(kind, facts.version)
        return refused if refused else self.rules[kind].translator(intent, facts)

    async def translate_all(self, intents: list[AnyIntent], facts: Facts) -> list[Answer]:
        """The answers in the order of the intents, made in a thread that ends when nobody waits any more."""
        if not intents:
            return []
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._translate_all, intents, facts, stop)
        finally:
            stop.set()

    def _translate_all(self, intents: list[AnyIntent], facts: Facts, stop: threading.Event) -> list[Answer]:
        answers: list[Answer] = []
        for intent in intents:
            answers.append(self.translate(intent, facts))
            if len(answers) < len(intents) and stop.wait(_BREATH):
                raise TimeoutError("the client of these translations has gone")
        return answers


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version such as 1.24.3, for comparing; of several, as in `1.35, 1.36`, those of the lowest."""
    several = [re.match(r"v?(\d+(?:\.\d+)*)", each.strip()) for each in version.split(",")]
    matches = [tuple(map(int, each[1].split("."))) for each in several if each]
    return min(matches, default=())
