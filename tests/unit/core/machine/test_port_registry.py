"""Reserved ports: never given to two, however they ask."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshwright.core.machine.ports import Registry

RESERVE = """
import sys
from pathlib import Path
from meshwright.core.machine.ports import Registry
print(*Registry(Path(sys.argv[1])).reserve(5, 26_000, owner=Path(sys.argv[2])))
"""


def owner(tmp_path: Path, name: str) -> Path:
    """A folder that reserves."""
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_two_that_ask_at_once_get_different_ports(tmp_path: Path) -> None:
    """Eight processes that choose at the same moment, and listen on nothing yet, get forty ports."""
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", RESERVE, str(tmp_path), str(owner(tmp_path, str(number)))],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    given = [port for one in asking for port in one.communicate(timeout=50)[0].split()]
    assert len(given) == 40
    assert len(set(given)) == 40


def test_a_reservation_ends_with_its_owner(tmp_path: Path) -> None:
    """What belonged to a folder that is gone, or gave back what it had, is free; nothing is left at the end."""
    registry, first, second = Registry(tmp_path), owner(tmp_path, "a"), owner(tmp_path, "b")
    given = registry.reserve(2, 26_000, owner=first)
    assert not {*registry.reserve(2, 26_000, owner=second)} & {*given}
    first.rmdir()
    third = owner(tmp_path, "c")
    assert registry.reserve(2, 26_000, owner=third) == given
    registry.release(second)
    registry.release(third)
    assert not (tmp_path / f"meshwright-{os.geteuid()}").exists()


def test_assigning_reports_what_belongs_to_others(tmp_path: Path) -> None:
    """An owner gets exactly the ports it names, except those of other owners, which are returned."""
    registry, first, second = Registry(tmp_path), owner(tmp_path, "a"), owner(tmp_path, "b")
    (port,) = registry.reserve(1, 26_000, owner=first)
    assert registry.assign({port, port + 100}, owner=second) == {port}
    assert registry.assign({port}, owner=first) == set()
    assert registry.assign((), owner=first) == set()
    assert registry.assign({port}, owner=second) == set()


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """Another user who created the folder first could assign ports on which they listen."""
    folder = tmp_path / f"meshwright-{os.geteuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="can be written by others"):
        Registry(tmp_path).reserve(1, 26_000, owner=tmp_path)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """Nothing is written where a link leads."""
    elsewhere = owner(tmp_path, "elsewhere")
    (tmp_path / f"meshwright-{os.geteuid()}").symlink_to(elsewhere)
    with pytest.raises(OSError):
        Registry(tmp_path).reserve(1, 26_000, owner=tmp_path)
    assert list(elsewhere.iterdir()) == []
