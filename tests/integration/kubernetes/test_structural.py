"""Structural schemas against a real API server: both refuse the same, and both know the same fields."""

import asyncio
from typing import Any

from meshwright.core.kit import structural
from meshwright.core.kit.kubernetes import Cluster, Refused
from meshwright.core.testing.eventually import eventually
from rig.inputs import gadgets

AT_ONCE = 8


async def refuses_to_apply(cluster: Cluster, body: Any, namespace: str) -> bool:
    """Whether the server would not take an object by server-side apply, which is how we send."""
    metadata = {**body["metadata"], "namespace": namespace}
    try:
        await cluster.apply({**body, "metadata": metadata}, owner="test", dry_run=True)
    except Refused:
        return True
    return False


async def refuses(cluster: Cluster, path: str, body: Any, validation: str) -> str:
    """Why the server would not create an object; empty when it would."""
    try:
        await cluster.request("POST", path, query={"dryRun": "All", "fieldValidation": validation}, body=body)
    except Refused as refused:
        return str(refused)
    return ""


async def test_the_server_refuses_what_is_refused_here(cluster: Cluster, namespace: str) -> None:
    """For each way to break each keyword of a schema, and for each that does not: the verdicts are the same."""
    await cluster.apply(gadgets.DEFINITION, owner="test")
    definition = structural.definition(gadgets.DEFINITION)
    api = await cluster.discovery.api(gadgets.GROUP, gadgets.KIND, within=60)
    path, slots = api.path(namespace), asyncio.Semaphore(AT_ONCE)
    differing: list[str] = []
    verdicts = {True: 0, False: 0}

    async def compare(name: str, spec: Any) -> None:
        body = gadgets.gadget(spec)
        problems = structural.check(body, definition)
        is_invalid = any(not each.is_dropped for each in problems)
        async with slots:
            if not problems:
                why = await refuses(cluster, path, body, "Strict")
                is_other = why
            elif is_invalid:  # a list for a string with a format passes when created, and not when applied
                why = await refuses(cluster, path, body, "Ignore")
                is_other = "" if why or await refuses_to_apply(cluster, body, namespace) else "taken"
            else:
                why = await refuses(cluster, path, body, "Ignore")
                is_other = why or ("" if await refuses(cluster, path, body, "Strict") else "taken")
        verdicts[is_invalid] += 1
        if is_other:
            differing.append(f"{name}: here {problems}, there {why or is_other}")

    # The server takes objects of a new kind before it has published all of it.
    await eventually(lambda: refuses(cluster, path, gadgets.gadget({}), "Ignore"), timeout=60)
    async with asyncio.TaskGroup() as group:
        for name, spec in gadgets.variations():
            group.create_task(compare(name, spec))
    assert not differing, "\n".join(differing)
    assert verdicts[True] > 200
    assert verdicts[False] > 100
