"""Registering an adapter: listed means handled, and a mistake is reported where it was made."""

import asyncio
import sys
import types
from importlib import metadata
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import kit
from meshwright.core.operations.outcomes import as_failure
from meshwright.schemas import intents, operations
from meshwright.schemas.errors import Failure
from meshwright.workers.host import loading
from meshwright.workers.host.loading import AdapterNotLoadable


class One(operations.Arguments, frozen=True, kw_only=True):
    """An operation."""

    kind: ClassVar[operations.OperationKind] = operations.OperationKind("x.one", version=3, mutates=False)
    size: int = 1


async def one(_context: kit.Context, _arguments: One) -> None:
    """Do it.

    And more that nobody needs to see.
    """


async def other(_context: kit.Context, _arguments: One) -> None:
    """Do it otherwise."""


def translate(intent: intents.Timeout, _facts: object) -> intents.Translation:
    """A timeout."""
    return intents.Translation(intent="timeout", resources=[])


def test_what_is_announced_is_what_was_registered() -> None:
    """Operations with name, version, summary and arguments; every intent, supported or refused with a reason."""
    adapter = kit.Adapter("x", meshes=["m"], version="2.0.0")
    adapter.operation(One)(one)
    adapter.intent(intents.Timeout, since="1.5")(translate)
    adapter.unsupported(intents.Mirror, because="it has no mirrors", instead="traffic-split")
    said = adapter.announcement("i1")
    assert (said.name, said.instance, said.version, said.meshes) == ("x", "i1", "2.0.0", ["m"])
    (support,) = said.operations
    assert (support.name, support.version, support.mutates, support.summary) == ("x.one", 3, False, "Do it.")
    assert support.arguments["properties"]["size"]["default"] == 1
    by_intent = {row.intent: row for row in said.intents}
    assert set(by_intent) == {intents.intent_kind(kind) for kind in intents.INTENT_TYPES}
    assert (by_intent["timeout"].supported, by_intent["timeout"].since) == (True, "1.5")
    assert (by_intent["mirror"].because, by_intent["mirror"].instead) == ("it has no mirrors", "traffic-split")
    assert all(row.supported or row.because for row in said.intents)


def test_registering_twice_names_both() -> None:
    """Two functions for one thing are refused, and the first stays."""
    adapter = kit.Adapter("x", meshes=[])
    adapter.operation(One)(one)
    with pytest.raises(kit.DuplicateRegistration, match=r"x\.one: both .*one and .*other handle it"):
        adapter.operation(One)(other)
    assert adapter.operations["x.one"].handler is one
    adapter.intent(intents.Timeout)(translate)
    with pytest.raises(kit.DuplicateRegistration, match=r"timeout: both .*translate and .*translate translate it"):
        adapter.intent(intents.Timeout)(translate)


@given(st.text(max_size=8) | st.from_regex(r"\d{1,3}(\.\d{1,3}){0,3}([-+][a-z0-9.]{0,4})?", fullmatch=True))
def test_a_version_is_semantic_or_refused(version: str) -> None:
    """What NATS services could not announce is refused where it was written."""
    parts = version.partition("-")[0].partition("+")[0].split(".")
    try:
        adapter = kit.Adapter("x", meshes=[], version=version)
    except ValueError as error:
        assert repr(version) in str(error)
    else:
        assert len(parts) == 3
        assert adapter.version == version


def test_without_a_service_there_is_nothing_to_run() -> None:
    """An adapter with a service gives what it yields, for the length of the block; one without gives nothing."""
    log: list[str] = []
    adapter = kit.Adapter("x", meshes=[])
    runtime: Any = None

    async def run() -> None:
        async with adapter.running(runtime) as nothing:
            assert nothing is None

        @adapter.service
        async def service(_runtime: kit.Runtime) -> Any:
            log.append("opened")
            try:
                yield 42
            finally:
                log.append("closed")

        with pytest.raises(RuntimeError, match="inside"):
            async with adapter.running(runtime) as result:
                assert result == 42
                raise RuntimeError("inside")

    asyncio.run(run())
    assert log == ["opened", "closed"]


def test_every_error_is_a_failure_for_people() -> None:
    """A failure that an adapter raises is kept; any other exception is reported by its name, with a remedy."""
    failure = Failure(code="X1", what="no")
    assert as_failure(kit.Reject(failure)) is as_failure(kit.Retry(1.0, failure)) is failure
    result = as_failure(KeyError("a"))
    assert result.what == "KeyError: 'a'"
    assert result.retryable
    assert result.cause
    assert result.remedy


def module(**contents: object) -> str:
    """A module that can be imported, by its name."""
    made = types.ModuleType("an_adapter_of_this_test")
    vars(made).update(contents)
    sys.modules[made.__name__] = made
    return made.__name__


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere_at_all:adapter", "fails to import: ModuleNotFoundError"),
        ("an_adapter_of_this_test:missing", "fails to import: AttributeError"),
        ("an_adapter_of_this_test:text", "is a str, not a meshwright.core.kit.Adapter"),
        ("an_adapter_of_this_test:old", f"has contract 0; this host has contract {kit.CONTRACT}"),
        ("no-such-adapter", "no adapter 'no-such-adapter' is installed; installed: .*envoy"),
        ("", "no adapter '' is installed"),
        (":x", "fails to import: ValueError"),
    ],
)
def test_what_cannot_be_loaded_says_why(name: str, reason: str) -> None:
    """Whatever an author's code does at import, there is one kind of error, with the reason."""
    module(text="text", old=kit.Adapter("old", meshes=[], contract=0))
    with pytest.raises(AdapterNotLoadable, match=reason):
        loading.load(name)


def test_an_adapter_is_found_by_its_name_or_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """By entry point or as `module:attribute`; a name that two packages register is refused, naming both."""
    mine = kit.Adapter("mine", meshes=[])
    place = module(mine=mine, again=mine)
    assert loading.load(f"{place}:mine") is mine

    def points(*values: str) -> Any:
        result = [metadata.EntryPoint("mine", value, loading.GROUP) for value in values]
        return lambda group: [one for one in result if one.group == group]

    monkeypatch.setattr(metadata, "entry_points", points(f"{place}:mine", f"{place}:mine"))
    assert loading.load("mine") is mine
    monkeypatch.setattr(metadata, "entry_points", points(f"{place}:mine", f"{place}:again"))
    with pytest.raises(AdapterNotLoadable, match=r"registered by .*again and .*mine: uninstall one"):
        loading.load("mine")


@pytest.mark.parametrize(
    ("version", "since", "supported"),
    [("1.30.1", "1.30", True), ("1.29.9", "1.30", False), ("", "1.30", True), ("1.9", "1.10", False),
     ("1.36.2, 1.29.0", "1.30", False), ("v1.31.0-rc1", "1.30", True), ("1.2", "", True)],
)  # fmt: skip
def test_an_intent_needs_a_mesh_that_is_new_enough(version: str, since: str, supported: bool) -> None:
    """An older mesh, by its oldest part, is refused with both versions before any translator is called."""
    adapter, asked = kit.Adapter("x", meshes=["m"]), []

    def translator(intent: intents.Timeout, facts: kit.Facts) -> intents.Translation:
        asked.append(facts)
        return intents.Translation(intent="timeout", resources=[])

    adapter.intent(intents.Timeout, since=since)(translator)
    result = adapter.translators.translate(intents.Timeout(service="a", timeout="1s"), kit.Facts(version=version))
    assert isinstance(result, intents.Translation) is supported
    assert bool(asked) is supported
    row = next(each for each in adapter.matrix(version) if each.intent == "timeout")
    assert row.supported is supported
    if isinstance(result, intents.Unsupported):
        assert since in result.because and version in result.because and since in result.instead
