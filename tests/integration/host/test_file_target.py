"""The target of files passes the contract of targets, and respects what is another's."""

from pathlib import Path
from typing import Any

import pytest

from meshwright.core import kit
from meshwright.core.testing.file_target import FileTarget
from meshwright.core.testing.target_contract import ATTEMPT, TargetContract
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef

MESH = kit.MeshRef(workspace="default", connection="local", mesh="m1")


class _Runtime:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir


def opened(folder: Path) -> FileTarget:
    """The target of a mesh in this folder."""
    runtime: Any = _Runtime(folder)
    return FileTarget(kit.Scope(runtime, None, MESH))


class TestFileTarget(TargetContract):
    """See `TargetContract`."""

    @pytest.fixture
    async def target(self, tmp_path: Path) -> kit.Target:
        """An empty folder."""
        return opened(tmp_path)

    def design(self, revision: int) -> Design:
        """A design that has a name."""
        return Design(id="contract", description=str(revision))

    def resources(self, revision: int) -> list[Resource]:
        """Two routes."""
        return [
            Resource(ref=ResourceRef(group="g", kind="Route", namespace="n", name=name), body={"revision": revision})
            for name in ("a", "b")
        ]


async def test_what_is_another_owners_is_reported_and_left_alone(tmp_path: Path) -> None:
    """The dry run names the owner; removing a design takes nothing of others along."""
    target = opened(tmp_path)
    ref = ResourceRef(kind="Route", name="a")
    mine, theirs = (
        kit.Draft(mesh=MESH, owner=owner, operation=owner, resources=[Resource(ref=ref, body={"by": owner})])
        for owner in ("mine", "theirs")
    )
    await target.apply(theirs, (await target.dry_run(theirs)).checkpoint, ATTEMPT)
    (change,) = (await target.dry_run(mine)).changes
    assert (change.conflict, change.before) == ("theirs", {"by": "theirs"})
    await target.prune(mine, [ref], [], ATTEMPT)
    assert await target.read([ref]) == {ref: {"by": "theirs"}}
