"""Loading an adapter by its entry point, or by `module:attribute` during development.

Invariant: an adapter that cannot be loaded is reported with its reason and does not affect others; only an installed
one is announced.
"""

import importlib
from importlib import metadata

from meshwright.core import kit

GROUP = "meshwright.adapters"


class AdapterNotLoadable(Exception):
    """The adapter does not exist, fails to import, or has another contract version."""


class NoSuchAdapter(AdapterNotLoadable):
    """No adapter of that name is installed."""


def load(name: str) -> kit.Adapter:
    """The adapter of that entry-point name, or at that `module:attribute`.

    Raises AdapterNotLoadable, and of those NoSuchAdapter when it is not installed.
    """
    try:
        adapter = _import(name)
    except AdapterNotLoadable:
        raise
    except Exception as error:  # importing runs the author's code: any exception is the reason
        raise AdapterNotLoadable(f"{name} fails to import: {type(error).__name__}: {error}") from error
    if not isinstance(adapter, kit.Adapter):
        raise AdapterNotLoadable(f"{name} is a {type(adapter).__name__}, not a meshwright.core.kit.Adapter")
    if adapter.contract != kit.CONTRACT:
        raise AdapterNotLoadable(f"{name} has contract {adapter.contract}; this host has contract {kit.CONTRACT}")
    return adapter


def _import(name: str) -> object:
    if ":" in name:
        module, _, attribute = name.partition(":")
        return getattr(importlib.import_module(module), attribute)
    entries = metadata.entry_points(group=GROUP)
    chosen = [entry for entry in entries if entry.name == name]
    if not chosen:
        known = ", ".join(sorted(entry.name for entry in entries)) or "none"
        raise NoSuchAdapter(f"no adapter {name!r} is installed; installed: {known}")
    if len({entry.value for entry in chosen}) > 1:
        both = " and ".join(sorted(entry.value for entry in chosen))
        raise AdapterNotLoadable(f"{name} is registered by {both}: uninstall one of them")
    return chosen[0].load()
