"""Discovery as a real process between a real bus and a real cluster."""

from rig.discovery_fixtures import discover, seen

__all__ = ["discover", "seen"]
