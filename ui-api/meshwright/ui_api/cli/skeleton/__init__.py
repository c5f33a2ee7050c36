"""`meshwright adapter new`: the skeleton of an adapter.

Invariant: what is written works unchanged (its own tests pass after the command that `installing` gives), and no
existing file is overwritten. The templates are package data beside this module; `{{name}}`, `{{module}}` and
`{{install}}` are filled in.
"""

import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from meshwright.schemas.base import NAME_PATTERN
from meshwright.ui_api.cli.exits import CommandFailed, Exit
from meshwright.ui_api.cli.skeleton import installing

_SUFFIX = ".tmpl"
_NAMES = {"package": "{{module}}", "gitignore.tmpl": ".gitignore"}
"""entries whose names there differ from those here"""


def write(name: str, folder: Path) -> list[Path]:
    """Write the skeleton of adapter `name` into `folder` and return the files. Raises CommandFailed."""
    if not re.fullmatch(NAME_PATTERN.strip("^$"), name) or not name[0].isalpha():
        raise CommandFailed(
            f"{name!r} is not a valid adapter name", code=Exit.USAGE, remedy="Use a-z, 0-9 and inner -, a letter first."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandFailed(
            f"{folder} is not an empty folder", code=Exit.USAGE, remedy="Name another folder with --directory."
        )
    words = {"{{name}}": name, "{{module}}": f"meshwright_{name.replace('-', '_')}"}
    written = []
    words["{{install}}"] = installing.command(Path())
    for path, template in sorted(_templates(resources.files(__name__) / "files", Path())):
        target = folder / _filled(str(path), words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(template.read_text(), words))
        written.append(target)
    return written


def _templates(folder: Traversable, path: Path) -> list[tuple[Path, Traversable]]:
    templates = []
    for entry in folder.iterdir():
        part = path / _NAMES.get(entry.name, entry.name.removesuffix(_SUFFIX))
        if entry.is_dir():
            templates += _templates(entry, part)
        elif entry.name.endswith(_SUFFIX):
            templates.append((part, entry))
    return templates


def _filled(text: str, words: dict[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
