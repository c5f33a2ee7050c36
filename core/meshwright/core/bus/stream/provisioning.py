"""Provisioning: creating the streams and buckets, which components may not create themselves.

Problem: a process that may create a stream could make it source any other stream, or republish to any subject.
Invariant: only the provisioner creates them; running it again changes nothing, and nothing is ever deleted.
"""

import contextlib
import json
import logging
from collections.abc import Iterable

import nats.errors

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.errors import BusUnavailable, Conflict
from meshwright.core.bus.kv.buckets import open_bucket
from meshwright.core.bus.stream.lookups import batch
from meshwright.schemas import subjects

log = logging.getLogger(__name__)
_LIST_TIMEOUT_S = 5.0
_OLD_BUCKETS = "KV_mw_{adapter}_"
"""the streams of earlier versions, which had one per bucket of an adapter"""


async def provision(bus: Connection, adapters: Iterable[str]) -> None:
    """Create the buckets that are missing, including those of these adapters. `bus.connect` has set up the streams.

    Raises BusUnavailable.
    """
    for bucket in subjects.BUCKETS:
        if bucket != subjects.ADAPTERS_OWN:
            await open_bucket(bus, bucket.name, ttl=bucket.ttl)
    for adapter in adapters:
        await open_bucket(bus, subjects.ADAPTERS_OWN.name.format(adapter=adapter))
        await _migrate(bus, adapter)


async def _migrate(bus: Connection, adapter: str) -> None:
    """Copy an adapter's values from the bucket of an earlier version, unless the key is in use.

    Raises BusUnavailable.
    """
    prefix = _OLD_BUCKETS.format(adapter=adapter)
    for stream in (name for name in await _stream_names(bus) if name.startswith(prefix)):
        part = stream.removeprefix(prefix)
        new = await open_bucket(bus, subjects.ADAPTERS_OWN.name.format(adapter=adapter), prefix=f"{part}.")
        root, seq = f"$KV.{stream.removeprefix('KV_')}.", 1
        copied = 0
        while messages := await batch(bus, stream, ">", seq):
            seq = messages[-1].seq + 1
            for message in messages:
                if "KV-Operation" not in message.headers:
                    with contextlib.suppress(Conflict):
                        await new.create_unused(message.subject.removeprefix(root), message.payload)
                        copied += 1
        if copied:
            log.info("%d values of the adapter %s were migrated from %s", copied, adapter, stream)


async def _stream_names(bus: Connection) -> list[str]:
    """The names of all streams. Raises BusUnavailable."""
    names: list[str] = []
    # The client only lists streams with their state, for which a cluster asks every server and may wait for some.
    while True:
        request = json.dumps({"offset": len(names)}).encode()
        try:
            reply = await bus.client.request(f"{bus.client.js_api}.STREAM.NAMES", request, timeout=_LIST_TIMEOUT_S)
        except (nats.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"could not list the streams: {error!r}") from error
        page = json.loads(reply.data)
        names.extend(page.get("streams") or [])
        if not page.get("streams") or len(names) >= page["total"]:
            return names
