"""What Meshwright has installed of a mesh, chart by chart with what each brought, or what it has adopted.

Problem: an upgrade must know which objects the charts before had, and an uninstall which of them are ours. Invariant:
the record is written after the cluster has taken it, and once per operation; it is not the truth about the cluster,
which whoever asks reads there.
"""

from typing import Any

import msgspec

from meshwright.core.kit.buckets import Records
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef

BUCKET = "installations"


class Installed(Model, frozen=True, kw_only=True):
    """One chart that was applied."""

    chart: str
    release: str
    namespace: str
    version: str = ""
    digest: str = ""
    revision: str = ""
    """of the control plane; empty for what all revisions share, too"""
    inventory: list[ResourceRef] = []

    @property
    def owner(self) -> str:
        """As whom its objects were applied."""
        return f"install-{self.release}"


class Installation(Model, frozen=True, kw_only=True):
    """All of one mesh."""

    namespace: str
    profile: str = ""
    version: str = ""
    revision: str = ""
    """the one in force; others stand beside it while an upgrade goes on"""
    trust_domain: str = ""
    values: dict[str, Any] = {}
    components: list[Installed] = []
    installer: str = ""
    """what installed a mesh that was adopted; empty: Meshwright"""
    cluster: str = ""
    """the identity of the one that it is in; empty in older records"""
    operation: str = ""
    """that wrote this record"""

    def of(self, release: str) -> Installed | None:
        """A component by its release."""
        return next((each for each in self.components if each.release == release), None)

    def is_in(self, cluster: str) -> bool:
        """Whether it is in the cluster of this identity, as far as both are known."""
        return not (self.cluster and cluster) or self.cluster == cluster

    @property
    def in_reverse(self) -> list[Installed]:
        """The components in the order in which they go: namespaces last."""
        latest_first = self.components[::-1]
        return sorted(latest_first, key=lambda each: not each.chart)

    @property
    def told(self) -> list[dict[str, Any]]:
        """The components, for the result of an operation."""
        return [
            {
                "chart": each.chart,
                "release": each.release,
                "version": each.version,
                "digest": each.digest,
                "objects": len(each.inventory),
            }
            for each in self.components
        ]

    def having(self, new: Installed) -> "Installation":
        """The same with a component in the place of the one of its release."""
        kept = [new if each.release == new.release else each for each in self.components]
        return msgspec.structs.replace(self, components=kept if new in kept else [*kept, new])

    def without(self, *releases: str) -> "Installation":
        """The same without some components."""
        kept = [each for each in self.components if each.release not in releases]
        return msgspec.structs.replace(self, components=kept)


class Installations(Records[Installation]):
    """The records in their bucket; a mesh that Meshwright has neither installed nor adopted has none."""

    bucket = BUCKET
    type = Installation
