"""Any environment: a process starts with valid settings, or reports every invalid variable."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import settings
from meshwright.workers.host.main import HostSettings
from meshwright.workers.notifier.main import NotifierSettings

KINDS: list[type[settings.Settings]] = [settings.Settings, HostSettings, NotifierSettings]
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
odd = st.sampled_from(["nan", "inf", "-inf", "-1", "0", "1e999", "1_000", " 5", "true", "null", "None", "5.0"])


def name_of(field: msgspec.structs.FieldInfo) -> str:
    """The variable of a field."""
    return settings.PREFIX + field.name.upper()


@given(st.sampled_from(KINDS), st.data())
def test_whatever_is_set_is_used_or_reported(kind: type[settings.Settings], data: st.DataObject) -> None:
    """Each bad variable is named, each good one is used, and what was not set has its default."""
    fields = msgspec.structs.fields(kind)
    chosen = data.draw(st.lists(st.sampled_from(fields), unique_by=lambda field: field.name, max_size=4))
    environ = {name_of(field): data.draw(texts | odd) for field in chosen}
    bad = [field for field in chosen if not is_good(kind, field, environ)]
    if bad:
        with pytest.raises(settings.InvalidSettings) as told:
            settings.load(kind, environ)
        for field in chosen:
            assert (name_of(field) + "=" in str(told.value)) == (field in bad)
        return
    result = settings.load(kind, environ)
    for field in fields:
        if not environ.get(name_of(field)):
            assert getattr(result, field.name) == field.default
    assert (
        msgspec.convert(msgspec.to_builtins(result, builtin_types=(Path,), enc_hook=str), kind, dec_hook=path) == result
    )


def path(kind: type, value: object) -> object:
    """A path from its text."""
    return Path(str(value))


def is_good(kind: type[settings.Settings], field: msgspec.structs.FieldInfo, environ: dict[str, str]) -> bool:
    """Whether a variable is accepted alone."""
    try:
        settings.load(kind, {name_of(field): environ[name_of(field)]})
    except settings.InvalidSettings:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        (settings.Settings, "REPLICAS", "0"),
        (settings.Settings, "STREAMS_GIB", "nan"),
        (settings.Settings, "STREAMS_GIB", "inf"),
        (settings.Settings, "STREAMS_GIB", "0"),
        (settings.Settings, "STREAMS_GIB", "-1"),
        (settings.Settings, "LOG_LEVEL", "loud"),
        (settings.Settings, "LOG_FORMAT", "xml"),
        (HostSettings, "WORKER_MAX_RUNNING", "0"),
        (HostSettings, "WORKER_MAX_ATTEMPTS", "0"),
        (HostSettings, "WORKER_ACK_WAIT", "0"),
        (HostSettings, "WORKER_ACK_WAIT", "nan"),
        (HostSettings, "WORKER_GRACE", "inf"),
        (NotifierSettings, "WEBHOOK_TIMEOUT", "-5"),
    ],
)
def test_a_value_with_which_nothing_would_work_is_reported(
    kind: type[settings.Settings], variable: str, value: str
) -> None:
    """A worker with room for no operation would take commands and run none; such values stop the start."""
    with pytest.raises(settings.InvalidSettings, match=f"MESHWRIGHT_{variable}='{value}'"):
        settings.load(kind, {f"MESHWRIGHT_{variable}": value})


def test_all_that_is_wrong_is_reported_at_once() -> None:
    """All invalid variables are reported at one start."""
    environ = {"MESHWRIGHT_REPLICAS": "three", "MESHWRIGHT_LOG_LEVEL": "loud", "MESHWRIGHT_WORKER_GRACE": "soon"}
    with pytest.raises(settings.InvalidSettings) as told:
        settings.load(HostSettings, environ)
    assert all(name in str(told.value) for name in environ)


def test_only_our_own_variables_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's environment is read when nothing else is given, and nothing but the prefix's variables."""
    for name, value in {"NATS_URL": "nats://other", "MESHWRIGHT_NATS_URL": "nats://ours", "MESHWRIGHT_X": "y"}.items():
        monkeypatch.setenv(name, value)
    result: Any = settings.load(settings.Settings)
    assert result.nats_url == "nats://ours"
