"""Settings from the environment."""

from pathlib import Path

import pytest

from meshwright.core import settings


def test_an_empty_variable_counts_as_not_set() -> None:
    """A variable that a shell or a compose file leaves empty means the default, never an empty path or address."""
    found = settings.load(settings.Settings, {"MESHWRIGHT_SECRET_KEY_FILE": "", "MESHWRIGHT_NATS_URL": ""})
    assert found == settings.Settings()
    assert settings.load(settings.Settings, {"MESHWRIGHT_SECRET_KEY_FILE": "/k"}).secret_key_file == Path("/k")


def test_every_bad_variable_is_told_at_once() -> None:
    """One start tells all that is wrong."""
    with pytest.raises(settings.InvalidSettings, match="MESHWRIGHT_REPLICAS"):
        settings.load(settings.Settings, {"MESHWRIGHT_REPLICAS": "three"})
