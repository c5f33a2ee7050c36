"""What a code of a failure means: one thing, in all adapters and the kit, and listed where it is made."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("core", "adapters", "workers", "ui-api")
_LISTED = re.compile(r"^ {4}(MW\d{4})  (.+)$", re.MULTILINE)
_CODE = re.compile(r"MW\d{4}")


def tables() -> dict[Path, list[tuple[str, str]]]:
    """The codes with their meanings that a module lists in its docstring, by module."""
    found = {}
    for path in sorted(each for place in PLACES for each in (ROOT / place).rglob("*.py")):
        if listed := _LISTED.findall(ast.get_docstring(ast.parse(path.read_text()), clean=False) or ""):
            found[path] = listed
    return found


def test_no_code_has_two_meanings() -> None:
    """Neither within a list, nor in the lists of two adapters: people search by it."""
    everywhere = [(code, path) for path, listed in tables().items() for code, _ in listed]
    codes = [code for code, _ in everywhere]
    assert len(codes) > 40
    assert [(code, str(path)) for code, path in everywhere if codes.count(code) > 1] == []


def test_a_list_is_in_order_and_whole() -> None:
    """Every code that a module with a list makes is in its list, and every one in the list is made there."""
    for path, listed in tables().items():
        codes = [code for code, _ in listed]
        assert codes == sorted(codes), path
        constants = {each.value for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Constant)}
        made = {each for each in constants if isinstance(each, str) and _CODE.fullmatch(each)}
        assert made == set(codes), path
