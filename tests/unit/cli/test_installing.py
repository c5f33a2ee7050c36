"""The command that installs a new adapter: it names the place that Meshwright itself came from."""

import shlex
from pathlib import Path

import pytest

from meshwright.ui_api.cli.skeleton import installing

FOLDER = Path("meshwright-adapter-acme")


@pytest.mark.parametrize(
    ("noted", "source"),
    [
        ('{"url": "file:///opt/my%20mesh", "dir_info": {"editable": true}}', ["-e", "/opt/my mesh"]),
        ('{"url": "file:///opt/mesh", "dir_info": {}}', ["/opt/mesh"]),
        (
            '{"url": "https://git.example/mesh.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            ["meshwright @ git+https://git.example/mesh.git@abc"],
        ),
        (
            '{"url": "file:///tmp/meshwright-0.1.0-py3-none-any.whl", "archive_info": {}}',
            ["meshwright @ file:///tmp/meshwright-0.1.0-py3-none-any.whl"],
        ),
        ("", []),
        ("{", []),
    ],
)
def test_meshwright_comes_from_where_it_came(noted: str, source: list[str]) -> None:
    """A checkout, a repository or a file is named, quoted for a shell; an index needs no name."""
    wanted = ["pip", "install", *source, "-e", "meshwright-adapter-acme[test]"]
    assert shlex.split(installing.command(FOLDER, noted)) == wanted


def test_this_installation_knows_its_place() -> None:
    """These tests run from a checkout, so the command names it."""
    assert str(Path(__file__).parents[3]) in shlex.split(installing.command(FOLDER))
