"""Records what tests prove of intents, and holds it against the file `proofs.json` of each adapter.

A test that is marked `proves("traffic-split")` and has a fixture `mesh` proves that intent by requests on that mesh.
Others are marked `proves()` and tell each proof to the fixture `prove`. What a test gives must be what the file says of
it; `make proofs` writes the files. Tests that do not run leave theirs as they are.

Invariant: only a test that passed proves anything.
"""

from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from meshwright.core.kit.proofs import FILE, Proofs
from meshwright.schemas.adapters import IntentProof
from meshwright.schemas.intents import INTENT_TYPES, intent_kind
from rig.effects.mesh import Mesh

ADAPTERS = Path(__file__).parents[3] / "adapters" / "meshwright" / "adapters"
MARK = "proves"
_OPTION = "--write-proofs"
_PROPERTY = "intent-proof"
_KINDS = frozenset(map(intent_kind, INTENT_TYPES))
How = Literal["accepted", "traffic"]
Prove = Callable[[str, str, str, How], None]
"""takes the kind of the mesh, its version, the intent, and how it was shown"""
Given = dict[str, Proofs]
"""by adapter"""


class Recorder:
    """Beside the tests, in the process that all their reports reach."""

    def __init__(self, *, write: bool) -> None:
        self._write = write
        self._given: dict[str, list[tuple[str, str, IntentProof]]] = {}
        self.stale: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test that passed has proven; a test that proves nothing any more counts too."""
        if report.when == "call" and report.passed:
            proven: list[Any] = [value for name, value in report.user_properties if name == _PROPERTY]
            self._given[test_of(report.nodeid)] = [
                (adapter, intent, IntentProof(how=how, version=version, test=test_of(report.nodeid)))
                for adapter, intent, how, version in proven
            ]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the files, or fail the run when they say something else."""
        now: Given = defaultdict(lambda: defaultdict(list))
        for adapter, intent, proof in (each for given in self._given.values() for each in given):
            now[adapter][intent].append(proof)
        for adapter in sorted({*now, *recorded()}):
            before = read(adapter)
            after = _merged(before, now[adapter], set(self._given))
            if after != before and self._write:
                write(adapter, after)
            elif after != before:
                self.stale.append(adapter)
        if self.stale and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what is stale."""
        for adapter in self.stale:
            terminalreporter.write_line(
                f"{ADAPTERS / adapter / FILE} does not say what its tests have proven now: make proofs", red=True
            )


def _merged(before: Proofs, now: Proofs, ran: set[str]) -> Proofs:
    result: Proofs = {}
    for intent in sorted({*before, *now}):
        kept = [each for each in before.get(intent, []) if each.test not in ran]
        if proven := sorted({*kept, *now.get(intent, [])}, key=lambda each: (each.how, each.version, each.test)):
            result[intent] = proven
    return result


def test_of(node: str) -> str:
    """A test without its parameters: its file and its name."""
    return node.partition("[")[0]


def recorded() -> list[str]:
    """The adapters that have proofs."""
    return sorted(path.parent.name for path in ADAPTERS.glob(f"*/{FILE}"))


def read(adapter: str) -> Proofs:
    """What was proven."""
    path = ADAPTERS / adapter / FILE
    return msgspec.json.decode(path.read_bytes(), type=Proofs) if path.exists() else {}


def write(adapter: str, proofs: Proofs) -> None:
    """Replace what was proven."""
    content = msgspec.json.format(msgspec.json.encode(proofs), indent=2)
    (ADAPTERS / adapter / FILE).write_bytes(content + b"\n")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--write-proofs`."""
    parser.addoption(_OPTION, action="store_true", help="write what the tests prove of intents (make proofs)")


def pytest_configure(config: pytest.Config) -> None:
    """Collect in the process that starts the others."""
    config.addinivalue_line("markers", f"{MARK}(*intents): proves them on a mesh; see rig/proving/recording.py")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(write=config.getoption(_OPTION)), "intent-proofs")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """A marked test with a mesh proves by requests, when it has passed."""
    result = yield
    mesh = getattr(item, "funcargs", {}).get("mesh")
    if isinstance(mesh, Mesh):
        for intent in (name for mark in item.iter_markers(MARK) for name in mark.args):
            if intent not in mesh.unsupported:
                _record(item, mesh.kind, mesh.version, intent, "traffic")
    return result


@pytest.fixture
def prove(request: pytest.FixtureRequest) -> Prove:
    """Tells what a test marked `proves()` has shown; it counts if the test passes."""
    assert request.node.get_closest_marker(MARK), "a test that proves something is marked: make proofs runs these"

    def prove(mesh: str, version: str, intent: str, how: How) -> None:
        _record(request.node, mesh, version, intent, how)

    return prove


def _record(item: pytest.Item, mesh: str, version: str, intent: str, how: How) -> None:
    assert intent in _KINDS, f"{intent} is no intent"
    item.user_properties.append((_PROPERTY, (mesh, intent, how, version)))
