"""Access logs: Telemetry.

Invariant: one JSON line for each request that arrives, written by a provider that writes JSON; where the mesh has none,
nothing is switched on that would write something else.
"""

from meshwright.adapters.istio.facts import TELEMETRY, IstioFacts
from meshwright.adapters.istio.intents import policies, values
from meshwright.adapters.istio.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import Resource

NAME = "access-log"


def access_log(facts: IstioFacts, service: Service | None) -> Resource:
    """The logging of requests to one service, or to all. Raises CannotExpress."""
    if not facts.json_log:
        raise CannotExpress(
            "this mesh has no provider of access logs that writes JSON: its sidecars would write plain text",
            "install it with meshConfig.accessLogEncoding: JSON, or with an extension provider whose log format has"
            " labels",
        )
    logging: Json = {"providers": [{"name": facts.json_log}]}
    arriving: Json = {"match": {"mode": "SERVER"}, **logging}
    if service is None:
        return values.resource(TELEMETRY, "v1", "Telemetry", facts.root, NAME, {"accessLogging": [arriving]})
    name = values.object_name(service.name, NAME)
    if facts.mode_of(service) == "ambient":
        target = {"kind": "Service", "group": "", "name": service.name}
        spec: Json = {"targetRefs": [target], "accessLogging": [logging]}
    else:
        spec = {"selector": policies.selector(service), "accessLogging": [arriving]}
    return values.resource(TELEMETRY, "v1", "Telemetry", service.namespace, name, spec)
