"""Closing the open plain-text connections of a service that has become strict.

Problem: Envoy serves the connections of a removed filter chain until its drain time is over, so an acknowledged
configuration does not mean that no plain text is served. Invariant: `plain_ones` returns only when each sidecar reports
that it has none left, or, where it runs on another host, when its drain time is over.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec

from meshwright.adapters.envoy.dataplane import administration
from meshwright.adapters.envoy.dataplane.fleet import DRAIN_SECONDS
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.policies import gather
from meshwright.adapters.envoy.state.desired import DesiredState

AT_MOST_SECONDS = DRAIN_SECONDS + 15.0
_LOOK_SECONDS = 0.1
_COUNT = "/stats?format=json&filter=" + quote(rf"^http\.{names.PLAIN}\.downstream_cx_active$")


class _Statistic(msgspec.Struct):
    value: int = 0


class _Answer(msgspec.Struct):
    stats: list[_Statistic] = []


def tightened(before: DesiredState | None, after: DesiredState) -> list[str]:
    """The workloads that could be called in plain text before and no longer can."""
    if before is None:
        return []
    was, now = _permissive(before), _permissive(after)
    return sorted(name for name in was & after.workloads.keys() if name not in now)


async def plain_ones(fleet: Path, nodes: Mapping[str, str]) -> list[str]:
    """Wait until no plain-text connection is served by these sidecars (node ids by workload).

    Returns those that still have one after AT_MOST_SECONDS, normally none.
    """
    deadline = asyncio.get_running_loop().time() + AT_MOST_SECONDS
    async with httpx.AsyncClient(transport=administration.Transport(fleet), timeout=5.0) as client:
        answers = await asyncio.gather(*(_none_left(client, node, deadline) for node in nodes.values()))
    return [name for name, gone in zip(nodes, answers, strict=True) if not gone]


async def _none_left(client: httpx.AsyncClient, node: str, deadline: float) -> bool:
    loop = asyncio.get_running_loop()
    elsewhere_until = loop.time() + DRAIN_SECONDS + 1.0
    while loop.time() < deadline:
        try:
            answer = msgspec.json.decode((await client.get(f"http://{node}{_COUNT}")).content, type=_Answer)
            if not sum(each.value for each in answer.stats):
                return True
        except (httpx.HTTPError, msgspec.MsgspecError):  # on another host, or exited together with its connections
            if loop.time() > elsewhere_until:
                return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


def _permissive(state: DesiredState) -> set[str]:
    policies = gather(list(state.services()), state.intents())
    return {name for name, member in state.workloads.items() if policies[member.spec.service].permissive}
