"""Access logs: Telemetry.

Invariant: an intent logs the requests that arrive, all of them; what is logged elsewhere or filtered is left.
"""

from meshwright.adapters.istio.importing import policies
from meshwright.core.kit.importing import Field, Reading, Surroundings
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.schemas.intents import AccessLog, AnyIntent


def telemetry(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """The log of requests to one service, or to all."""
    spec = reading.spec
    logging = spec.at("accessLogging")
    try:
        entry = _only(logging, "an intent logs in one place")
        provider = _only(entry.at("providers"), "an intent logs in one place")
        if entry.others("match", "providers") or entry.at("match").others("mode") or provider.others("name"):
            raise Unexpressed("an intent logs all requests that arrive, and chooses none")
        wanted = "" if spec.at("targetRefs") else "SERVER"  # a waypoint has one side only
        if entry.at("match", "mode").text != wanted:
            raise Unexpressed("an intent logs the requests that arrive, and not those that leave")
        service = policies.selected(reading, around)
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    entry.at("match", "mode").express()
    provider.at("name").leave("an intent logs as JSON where the mesh does that, whatever the provider is called")
    return [AccessLog(service=str(service) if service else None)]


def _only(place: Field, because: str) -> Field:
    items = place.items()
    if len(items) != 1 or not isinstance(items[0].value, dict):
        raise Unexpressed(because)
    return items[0]
