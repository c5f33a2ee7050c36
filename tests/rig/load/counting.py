"""Counting what is stored, in the streams themselves: the only witness that a fault cannot have misled.

Invariant: everything that the stream held when the count began is in it.
"""

from contextlib import aclosing

from meshwright.core import bus as mwbus


async def stored(bus: mwbus.Connection, stream: str, subject: str) -> list[mwbus.Received]:
    """The messages of a subject (wildcards allowed) in stream order. Raises BusUnavailable."""
    last = await bus.last(stream, subject)
    if last is None:
        return []
    found: list[mwbus.Received] = []
    async with aclosing(mwbus.tail(bus, stream, subject=subject)) as batches:
        async for batch in batches:
            found += batch
            if found[-1].seq >= last.seq:
                break
    return found
