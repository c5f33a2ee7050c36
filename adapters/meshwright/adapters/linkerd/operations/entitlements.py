"""What installing, upgrading and removing Linkerd takes of the rights of a connection.

Invariant: it is what the charts of this release take, and the secrets that they find in their namespace.
"""

import datetime
from collections.abc import Sequence

from meshwright.adapters.linkerd import versions
from meshwright.adapters.linkerd.installation import charts
from meshwright.adapters.linkerd.installation.charts import InstallSpec
from meshwright.adapters.linkerd.installation.options import Options
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import DOMAIN
from meshwright.core.kit.kubernetes.installing import authorities, components, entitlements, needs, sources
from meshwright.core.kit.kubernetes.installing.entitlements import KEEP, LOOK, Entitlements, Rendered, rule
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.adapters import AccessRule, NeededRights, RightsRequest

_PLANES = "to find control planes and what takes part"
_READING = [
    rule(_PLANES, LOOK, "apps", "deployments", "daemonsets"),
    rule(_PLANES, LOOK, "", "configmaps", "namespaces", "pods"),
    rule(
        "to find webhooks",
        LOOK,
        "admissionregistration.k8s.io",
        *("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
    ),
    rule("to know the definitions that are there", LOOK, "apiextensions.k8s.io", "customresourcedefinitions"),
]
_OWN = Entitlements("linkerd", "Linkerd", _READING)


def _more(namespace: str) -> list[AccessRule]:
    """What it takes besides the objects of the charts."""
    return [
        rule("to bring and rotate Linkerd's certificates", KEEP, "", "secrets", namespace=namespace),
        rule("to withdraw namespaces", ["patch"], "", "namespaces"),
    ]


async def needed(runtime: kit.Runtime, asked: RightsRequest) -> NeededRights:
    """All that the life of an installation takes, by its charts alone. Raises Reject."""
    options = runtime.settings(Options)
    spec = InstallSpec(
        version=asked.version or options.version,
        namespace=asked.namespace or InstallSpec(version="").namespace,
        trust_domain=DOMAIN,
        values=charts.values_of(asked.values),
    )
    if problems := versions.problems(spec.version):
        raise kit.unfit(problems)
    source = await sources.anywhere(options, spec.values.charts, spec.version, versions.chart_version(spec.version))
    nobodys = authorities.created(spec.names, datetime.datetime.now(datetime.UTC))
    rendered = [(each, await components.render(each, source)) for each in charts.components(spec, nobodys)]
    rules = [*await _OWN.bringing([spec.namespace], rendered), *_more(spec.namespace)]
    parts = ["install", spec.version, *([spec.namespace] if asked.namespace else [])]
    return NeededRights(name="-".join(parts).lower(), rules=needs.distinct(rules))


async def require_for(cluster: k8s.Cluster, spec: InstallSpec, rendered: Rendered, record: Installation | None) -> None:
    """Raises Reject when we lack a right to bring this in the place of what is there, KubernetesError."""
    rules = [*await _OWN.bringing([spec.namespace], rendered, cluster), *_more(spec.namespace)]
    if record is not None:
        rules += await _OWN.standing(cluster, record)
    await _require(cluster, rules, spec.version, spec.namespace, spec.values.charts)


async def require_for_removal(cluster: k8s.Cluster, record: Installation) -> None:
    """Raises Reject when we lack a right to remove what is there, KubernetesError."""
    rules = [*await _OWN.standing(cluster, record), *_more(record.namespace)]
    place = charts.values_of(record.values).charts
    await _require(cluster, rules, record.version, record.namespace, place)


async def _require(cluster: k8s.Cluster, rules: Sequence[AccessRule], version: str, namespace: str, place: str) -> None:
    usual = InstallSpec(version="").namespace
    given = {"--version": version, "--namespace": namespace if namespace != usual else "", "--chart": place}
    await entitlements.require(cluster, rules, [_OWN.command(given)])
