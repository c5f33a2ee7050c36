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
    items: list[mwbus.Received] = []
    async with aclosing(mwbus.tail(bus, stream, subject=subject)) as batches:
        async for batch in batches:
            items += batch
            if items[-1].seq >= last.seq:
                break
    return items
