"""Rate limits: EnvoyFilters of the one form that a rate limit becomes.

Invariant: an EnvoyFilter may say anything to Envoy, so it is read only when all of it is what an intent would write.
"""

from meshwright.adapters.istio.intents import limits
from meshwright.core.kit.importing import Reading, Surroundings, values
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import AnyIntent, RateLimit


def envoy_filter(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """The limit before each instance of a service."""
    spec = reading.spec
    because = "no intent says what an EnvoyFilter does, but for a rate limit as an intent writes it"
    labels, patches = spec.at("workloadSelector", "labels").value, spec.at("configPatches").each()
    service = around.selected(reading.namespace, labels) if isinstance(labels, dict) else None
    if service is None or len(patches) != 1 or len(service.targets) != 1:
        spec.leave(because)
        return []
    bucket = patches[0].at("patch", "value", "typed_config", "token_bucket")
    requests, per = bucket.at("max_tokens").number, values.duration(bucket.at("fill_interval").text)
    if requests is None or per is None:
        spec.leave(because)
        return []
    wish = RateLimit(service=str(service), requests=requests, per=per)
    try:
        is_ours = not values.problem(wish) and spec.value == limits.specification(labels, service.targets[0], wish)
    except CannotExpress:
        is_ours = False
    if not is_ours:
        spec.leave(because)
        return []
    spec.express_whole()
    return [wish]
