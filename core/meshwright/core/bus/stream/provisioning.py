"""Provisioning: the streams and buckets that components find made, since they may not make any themselves.

Problem: whoever may create a stream may have it filled from any other, and whatever it gets published anywhere.
Invariant: only the provisioner makes them; doing it again changes nothing, and nothing is ever deleted.
"""

import contextlib
import logging
from collections.abc import Iterable

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.errors import Conflict
from meshwright.core.bus.kv.buckets import open_bucket
from meshwright.core.bus.stream.lookups import batch
from meshwright.schemas import subjects

log = logging.getLogger(__name__)
_OLD_BUCKETS = "KV_mw_{adapter}_"
"""Streams of earlier versions, one for each bucket of an adapter."""


async def provision(bus: Connection, adapters: Iterable[str], replicas: int = 1) -> None:
    """Make the buckets that are missing, those of these adapters too. `bus.connect` has set up the streams.

    Raises BusUnavailable.
    """
    for bucket in subjects.BUCKETS:
        if bucket != subjects.ADAPTERS_OWN:
            await open_bucket(bus, bucket.name, ttl=bucket.ttl, replicas=replicas)
    for adapter in adapters:
        await open_bucket(bus, subjects.ADAPTERS_OWN.name.format(adapter=adapter), replicas=replicas)
        await _take_over(bus, adapter)


async def _take_over(bus: Connection, adapter: str) -> None:
    """Copy what an earlier version kept for an adapter, unless its key has been used since."""
    prefix = _OLD_BUCKETS.format(adapter=adapter)
    names = [str(info.config.name) for info in await bus.js.streams_info()]
    for stream in (name for name in names if name.startswith(prefix)):
        part = stream.removeprefix(prefix)
        new = await open_bucket(bus, subjects.ADAPTERS_OWN.name.format(adapter=adapter), prefix=f"{part}.")
        root, seq = f"$KV.{stream.removeprefix('KV_')}.", 1
        copied = 0
        while found := await batch(bus, stream, ">", seq):
            seq = found[-1].seq + 1
            for message in found:
                if "KV-Operation" not in message.headers:
                    with contextlib.suppress(Conflict):
                        await new.take_over(message.subject.removeprefix(root), message.payload)
                        copied += 1
        if copied:
            log.info("%d values of the adapter %s were taken over from %s", copied, adapter, stream)
