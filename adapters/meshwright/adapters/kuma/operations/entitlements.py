"""What installing, upgrading and removing Kuma takes of the rights of a connection.

Invariant: it is what the charts of this release take, and the secrets that they find in their namespace.
"""

import datetime

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.installation import charts
from meshwright.adapters.kuma.installation.charts import InstallSpec
from meshwright.adapters.kuma.installation.options import Options
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing import authorities, components, sources
from meshwright.core.kit.kubernetes.installing.entitlements import LOOK, CertifiedEntitlements, rule
from meshwright.schemas.adapters import NeededRights, RightsRequest

_WEBHOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
_PLANES = "to find control planes and what takes part"
OWN = CertifiedEntitlements(
    "kuma",
    "Kuma",
    [
        rule(_PLANES, LOOK, "apps", "deployments", "daemonsets"),
        rule(_PLANES, LOOK, "", "namespaces", "pods"),
        rule(_PLANES, LOOK, words.GROUP, "meshes", "zones", "zoneinsights"),
        rule("to find webhooks", LOOK, "admissionregistration.k8s.io", *_WEBHOOKS),
        rule("to know the definitions that are there", LOOK, "apiextensions.k8s.io", "customresourcedefinitions"),
    ],
    words.NAMESPACE,
)


async def needed(runtime: kit.Runtime, asked: RightsRequest) -> NeededRights:
    """All that the life of an installation takes, by its charts alone. Raises Reject."""
    options = runtime.settings(Options)
    spec = InstallSpec(
        version=asked.version or options.version,
        namespace=asked.namespace or words.NAMESPACE,
        values=charts.values_of(asked.values),
    )
    if problems := charts.problems(spec.version):
        raise kit.unfit(problems)
    source = await sources.anywhere(options, spec.values.charts, spec.version)
    nobodys = authorities.created(spec.names, datetime.datetime.now(datetime.UTC))
    rendered = [(each, await components.render(each, source)) for each in [charts.chart(spec, nobodys)]]
    return await OWN.needed(spec.namespace, spec.version, rendered)
