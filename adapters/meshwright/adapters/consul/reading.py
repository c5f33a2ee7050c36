"""Reading the facts of a mesh from its Consul.

Invariant: only the services that a design speaks of are read, and all of them where it limits who calls.
"""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from meshwright.adapters.consul import problems
from meshwright.adapters.consul.control_plane.api import Api, api_of
from meshwright.adapters.consul.control_plane.entries import KINDS, ConfigEntries
from meshwright.adapters.consul.control_plane.registry import INGRESS, Registered, registered, services_of
from meshwright.adapters.consul.facts import ConsulFacts, Existing
from meshwright.adapters.consul.options import Options
from meshwright.adapters.consul.target import ConsulTarget
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Owner
from meshwright.schemas.designs import namespace_problems
from meshwright.schemas.intents import AnyIntent, CircuitBreaker, Ingress


async def facts(target: ConsulTarget, draft: kit.Draft) -> ConsulFacts:
    """The mesh as it is, and the design that is to be translated."""
    api = await api_of(target.scope)
    agent = await api.get("/v1/agent/self") or {}
    config = agent.get("Config") or {}
    known = ConsulFacts(
        version=str(config.get("Version", "")),
        datacenter=str(config.get("Datacenter", "")),
        design=draft.owner,
        take_over=draft.take_over,
        ingress_port=target.scope.runtime.settings(Options).ingress_port,
    )
    if draft.design is None or not draft.design.intents:
        return known
    intents = draft.design.intents
    services = await _services(api, intents)
    known = msgspec.structs.replace(
        known,
        intents=intents,
        services=services_of(services),
        gateways=sorted({each["Service"]["Service"] for each in services if each["Service"].get("Kind") == INGRESS}),
        existing=await _existing(await target.entries(), Owner.of(draft)),
    )
    misplaced = namespace_problems(draft.design)
    return msgspec.structs.replace(known, problems=[*misplaced, *problems.problems(known)])


async def _services(api: Api, intents: Sequence[AnyIntent]) -> list[Registered]:
    if any(isinstance(each, CircuitBreaker | Ingress) for each in intents):
        return await registered(api)
    named = {getattr(each, field, None) for each in intents for field in ("service", "source")}
    wanted = sorted(each for each in named if each)
    if not wanted:
        return []
    found = await registered(api, wanted)
    for name in wanted:
        found += await api.get(f"/v1/health/connect/{quote(name, safe='')}") or []
    return found


async def _existing(entries: ConfigEntries, owner: Owner) -> list[Existing]:
    existing = []
    for kind in KINDS:
        for ref, entry in (await entries.every(kind)).items():
            if owner not in entry.owners:
                words = ", ".join(sorted(each.words for each in entry.owners)) or entry.stranger
                existing.append(Existing(ref=ref, owner=words, body=entry.body))
            elif entry.former is not None:
                existing.append(Existing(ref=ref, owner="somebody else before", body=entry.former, taken=True))
    return existing
