"""What tests prove of intents: only what passed counts, and a file that says something else fails the run."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from meshwright.core.kit.proofs import FILE, Proofs
from meshwright.schemas.adapters import IntentProof

_TESTS = '''
import pytest

@pytest.mark.proves
def test_taken(prove):
    """Proves one intent."""
    prove("acme", "1.2", "timeout", "accepted")

@pytest.mark.proves
def test_that_fails(prove):
    """Proves nothing."""
    prove("acme", "1.2", "retry", "accepted")
    assert False
'''
ROOT = Path(__file__).parents[3]


class Runs:
    """Runs of pytest over two tests, with a file of proofs of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / "adapters" / "acme" / FILE
        self.file.parent.mkdir(parents=True)
        (folder / "test_some.py").write_text(_TESTS)
        plugin = "from pathlib import Path\nfrom rig.proving import recording\n"
        plugin += f"recording.ADAPTERS = Path({str(folder / 'adapters')!r})\n"
        (folder / "elsewhere.py").write_text(plugin)

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run them, away from the tests of this project."""
        arguments = ["-p", "elsewhere", "-p", "rig.proving.recording", "-p", "no:cacheprovider", "-c", "/dev/null"]
        environment = {"PYTHONPATH": f"{self._folder}:{ROOT / 'tests'}", "PATH": ""}
        return subprocess.run(
            [sys.executable, "-P", "-m", "pytest", *arguments, "--rootdir", str(self._folder), *more, "test_some.py"],
            cwd=self._folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def proofs(self) -> Proofs:
        """What the file says now."""
        return msgspec.json.decode(self.file.read_bytes(), type=Proofs)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Two tests, of which one passes."""
    return Runs(tmp_path)


TAKEN = {"timeout": [IntentProof(how="accepted", version="1.2", test="test_some.py::test_taken")]}


def test_what_passed_is_written_and_then_holds(runs: Runs) -> None:
    """One that fails proves nothing, a second run changes nothing, and a test that does not run keeps its proof."""
    runs.run("--write-proofs")
    assert runs.proofs() == TAKEN
    again = runs.run("-k", "taken")
    assert (again.returncode, "make proofs" in again.stdout) == (0, False)
    runs.run("-k", "fails", "--write-proofs")
    assert runs.proofs() == TAKEN


@pytest.mark.parametrize("before", [{}, {**TAKEN, "retry": TAKEN["timeout"]}], ids=["too little", "too much"])
def test_a_file_that_says_something_else_fails_the_run(runs: Runs, before: Proofs) -> None:
    """Also where it claims more than its tests gave; it is named, and not changed."""
    runs.file.write_bytes(msgspec.json.encode(before))
    result = runs.run("-k", "taken")
    assert result.returncode == 1
    assert f"{runs.file} does not say what its tests have proven now: make proofs" in result.stdout.replace("\n", "")
    assert runs.proofs() == before
