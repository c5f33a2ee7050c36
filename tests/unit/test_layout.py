"""The shape of the tree: five namespace portions, one direction, house numbers.

A stray `__init__.py` hides four portions and an editable install hides missing files; both fail here by name.
"""

import ast
import importlib.util
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PORTIONS = {
    "schemas": "schemas",
    "core": "core",
    "workers": "workers",
    "adapters": "adapters",
    "ui-api": "ui_api",
}
MAX_FILE = 500
MAX_FOLDER = 16
"""Python files; a folder has about ten"""
WIDE = {"schemas/meshwright/schemas": 24, "core/meshwright/core/store": 20, "ui-api/meshwright/ui_api/routes": 18}
"""folders that were wider before the rule; they may shrink and not grow"""
MAX_FUNCTION = 60
HIDDEN = {"__pycache__"}


def _sources() -> list[Path]:
    return sorted(path for folder in [*PORTIONS, "tests"] for path in (ROOT / folder).rglob("*.py"))


def _adapters() -> set[str]:
    folder = ROOT / "adapters" / "meshwright" / "adapters"
    return {path.name for path in folder.iterdir() if path.is_dir() and path.name not in HIDDEN}


def test_meshwright_is_a_namespace_of_five_portions() -> None:
    """`import meshwright` finds a namespace that this checkout's five folders share."""
    spec = importlib.util.find_spec("meshwright")
    assert spec is not None
    assert spec.origin is None
    assert spec.submodule_search_locations is not None
    result = {Path(location).resolve() for location in spec.submodule_search_locations}
    assert result == {ROOT / folder / "meshwright" for folder in PORTIONS}


@pytest.mark.parametrize("folder", PORTIONS)
def test_no_init_file_closes_the_namespace(folder: str) -> None:
    """The shared parents have no `__init__.py`, so that portions and third-party adapters can join."""
    assert not (ROOT / folder / "meshwright" / "__init__.py").exists()
    assert not (ROOT / "adapters" / "meshwright" / "adapters" / "__init__.py").exists()


@pytest.mark.parametrize(("folder", "name"), PORTIONS.items())
def test_each_folder_holds_its_portion_only(folder: str, name: str) -> None:
    """The import path names the folder, and no Python file lies beside the namespace."""
    assert {path.name for path in (ROOT / folder / "meshwright").iterdir()} - HIDDEN == {name}
    assert not list((ROOT / folder).glob("*.py"))


def test_every_portion_is_typed() -> None:
    """Type checkers of our users see our types."""
    typed = [ROOT / folder / "meshwright" / name for folder, name in PORTIONS.items() if name != "adapters"]
    typed += [ROOT / "adapters" / "meshwright" / "adapters" / name for name in _adapters()]
    assert [str(path) for path in typed if not (path / "py.typed").exists()] == []


def test_entry_points_are_the_adapter_folders() -> None:
    """Each adapter folder is announced, and nothing else is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    announced = project["entry-points"]["meshwright.adapters"]
    assert announced.keys() == _adapters()
    assert announced == {name: f"meshwright.adapters.{name}:adapter" for name in announced}


def test_workers_find_the_adapters_by_their_names() -> None:
    """What is installed leads to the adapter of its name; what an older environment lacks comes with `make install`."""
    entries = metadata.distribution("meshwright").entry_points.select(group="meshwright.adapters")
    assert {point.name for point in entries} <= _adapters()
    assert [point.name for point in entries if point.load().name != point.name] == []


def test_the_contract_imports_msgspec_only() -> None:
    """Everybody can read the contract with msgspec and Python alone."""
    allowed = {"msgspec", "meshwright", *sys.stdlib_module_names}
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "schemas").rglob("*.py")
        for name in _imported(path)
        if name.split(".")[0] not in allowed
    }
    assert foreign == set()


def test_files_keep_the_house_number() -> None:
    """No file is longer than a person reads at a sitting."""
    long = {
        str(path.relative_to(ROOT)): count for path in _sources() if (count := path.read_text().count("\n")) > MAX_FILE
    }
    assert long == {}


def test_folders_keep_the_house_number() -> None:
    """No folder holds more files than a person keeps in mind."""
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in _sources())
    wide = {folder: count for folder, count in counts.items() if count > WIDE.get(folder, MAX_FOLDER)}
    assert wide == {}


def test_functions_keep_the_house_number() -> None:
    """No function is longer than a screen."""
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": length
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION
    }
    assert long == {}


def test_tests_state_their_promise() -> None:
    """Each test opens with a sentence, so that a failing one reads as what was broken."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and ast.get_docstring(node) is None
    ]
    assert silent == []


def test_no_module_imports_itself_by_another() -> None:
    """Modules are read in one direction; imports for type checkers alone count too."""
    graph = grimp.build_graph(*(f"meshwright.{name}" for name in PORTIONS.values()), cache_dir=None)
    order = TopologicalSorter({one: graph.find_modules_directly_imported_by(one) for one in graph.modules})
    assert list(order.static_order())


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
