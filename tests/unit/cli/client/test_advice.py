"""Advice: every command that any message of Meshwright names is one that there is, with the options it names.

Invariant: the messages are the string constants of the source, so new advice is in it by itself.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.core

from meshwright.ui_api.cli import program

ROOT = Path(__file__).parents[4]
SOURCES = sorted(
    path for room in ("schemas", "core", "workers", "adapters", "ui-api") for path in (ROOT / room).rglob("*.py")
)
COMMAND = typer.main.get_command(program.build())
PLACE = "PLACE"
NAMED = re.compile(r"\bmeshwright((?: [a-z][a-z-]+)+)((?: (?:--?[a-z-]+|[A-Z…/]+|PLACE))*)")
SCRIPT = re.compile(r"`(meshwright-[a-z]+)\b")


def texts(path: Path) -> Iterator[str]:
    """The string constants of a file, a placeholder in the place of what is filled in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else PLACE for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def advice() -> list[tuple[str, str, str]]:
    """What is advised: the file, the words of the command, the rest of its line."""
    result = {
        (path.name, match[1].strip(), match[2].strip())
        for path in SOURCES
        for text in texts(path)
        for match in NAMED.finditer(text)
    }
    return sorted(result)


def resolved(words: list[str]) -> Any:
    """The command of these words; what follows it are its arguments."""
    command: Any = COMMAND
    for word in words:
        if not isinstance(command, typer.core.TyperGroup):
            break
        command = command.commands.get(word)
    return command


@pytest.mark.parametrize(("file", "words", "rest"), advice())
def test_a_command_that_is_advised_exists(file: str, words: str, rest: str) -> None:
    """It is a command, and takes the options that the advice names."""
    command = resolved(words.split())
    assert command is not None, f"{file} advises `meshwright {words}`"
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    named = re.findall(r"(?<!\S)--?[a-z-]+", rest)
    assert set(named) <= options, f"{file} advises {named} of `meshwright {words}`"


def test_programs_that_are_advised_are_installed() -> None:
    """`meshwright-adapter NAME` and its like are console commands of this distribution."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].keys()
    named = {name for path in SOURCES for text in texts(path) for name in SCRIPT.findall(text)}
    assert named
    assert named - scripts == set()
