"""Settings from the environment."""

import ast
import re
from pathlib import Path

import msgspec
import pytest

from meshwright.core import settings
from meshwright.ui_api.server import ApiSettings
from meshwright.workers.host.main import HostSettings
from meshwright.workers.notifier.main import NotifierSettings


def test_an_empty_variable_counts_as_not_set() -> None:
    """A variable that a shell or a compose file leaves empty means the default, never an empty path or address."""
    result = settings.load(settings.Settings, {"MESHWRIGHT_SECRET_KEY_FILE": "", "MESHWRIGHT_NATS_URL": ""})
    assert result == settings.Settings()
    assert settings.load(settings.Settings, {"MESHWRIGHT_SECRET_KEY_FILE": "/k"}).secret_key_file == Path("/k")


def test_every_bad_variable_is_reported_at_once() -> None:
    """One start reports all invalid variables."""
    with pytest.raises(settings.InvalidSettings, match="MESHWRIGHT_REPLICAS"):
        settings.load(settings.Settings, {"MESHWRIGHT_REPLICAS": "three"})


ROOT = Path(__file__).parents[3]
SOURCES = [
    path for room in ("core", "workers", "adapters", "ui-api") for path in (ROOT / room / "meshwright").rglob("*.py")
]


def read_names(tree: ast.AST) -> set[str]:
    """The attributes that a module reads of anything."""
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("kind", [settings.Settings, ApiSettings, HostSettings, NotifierSettings])
def test_every_setting_is_read_by_somebody(kind: type[settings.Settings]) -> None:
    """Every setting is used in the code."""
    read = set().union(*(read_names(ast.parse(path.read_text())) for path in SOURCES))
    assert {field.name for field in msgspec.structs.fields(kind)} <= read


def test_every_process_connects_as_its_settings_say() -> None:
    """Who loads settings joins the bus by all of them, so that none is left out on the way."""
    processes = [
        path
        for path in SOURCES
        if path.name != "settings.py" and re.search(r"settings\.load\([\w.]*Settings\b", path.read_text())
    ]
    assert len(processes) >= 6
    for path in processes:
        text = path.read_text()
        assert re.search(r"bus\.join\((chosen|wanted),|streams\.provision\(", text), path
        assert "bus.connect(" not in text, path
