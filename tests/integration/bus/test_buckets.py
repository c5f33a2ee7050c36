"""Buckets: the initial values of a watch, expiry, and concurrent writers."""

import asyncio
import datetime
import functools
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.kv.entries import Change
from meshwright.core.bus.stream import lookups
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from rig.stack.proxies import TcpProxy

pytestmark = pytest.mark.servers
MARK = Change("", None)


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


async def told_first(bucket: mwbus.Bucket, prefix: str = "") -> list[str]:
    """The keys that a watch yields before its mark."""
    items: list[str] = []
    async with asyncio.timeout(20), bucket.watch(prefix) as changes:
        async for change in changes:
            if change == MARK:
                break
            items.append(change.key)
    return items


def is_told(told: list[Change], key: str, *, expired: bool) -> bool:
    """Whether a watch yielded a key in that way."""
    return any(one.key == key and one.expired == expired for one in told)


async def test_the_mark_comes_behind_all_that_is_there(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch that starts while the server is slow yields all keys, then the mark.

    A control plane that took an early mark for the end of the initial values would serve its proxies nothing.
    """
    async with TcpProxy(nats_server.port) as proxy, mwbus.connect(nats_server.through(proxy.port), "slow") as bus:
        bucket = await mwbus.open_bucket(bus, "facts")
        for key in ("a", "b"):
            await bucket.put(key, b"1")
        look = lookups.batch

        async def look_as_the_network_stalls(*arguments: Any) -> list[mwbus.Received]:
            monkeypatch.setattr(lookups, "batch", look)
            proxy.black_hole()
            return await look(*arguments)

        monkeypatch.setattr(lookups, "batch", look_as_the_network_stalls)
        watching = asyncio.create_task(told_first(bucket))
        done, _ = await asyncio.wait({watching}, timeout=0.6)
        assert not done
        proxy.heal()
        assert await watching == ["a", "b"]


async def test_a_watch_may_begin_while_the_server_is_away(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """It waits for the server and then yields all keys, instead of failing."""
    bucket = await mwbus.open_bucket(bus, "facts")
    await bucket.put("a", b"1")
    bus.js._timeout = 0.1
    await nats_server.kill()
    watching = asyncio.create_task(told_first(bucket))
    try:
        done, _ = await asyncio.wait({watching}, timeout=0.4)
        assert not done
        await nats_server.start()
        assert await watching == ["a"]
    finally:
        await ending.end(watching)


@pytest.mark.parametrize("last", ["deleted", "other", "purged"])
async def test_the_mark_comes_although_the_newest_is_nobodys(bus: mwbus.Connection, last: str) -> None:
    """In a bucket whose newest entry is a deletion, another's, or gone, the mark comes nevertheless."""
    bucket = await mwbus.open_bucket(bus, "facts")
    await bucket.put("p.a", b"1")
    await bucket.put("p.b" if last == "deleted" else "q", b"1")
    if last == "deleted":
        await bucket.delete("p.b")
    elif last == "purged":
        await bus.js.purge_stream("KV_facts", subject="$KV.facts.q")
    assert [key for key in await told_first(bucket, "p.") if key != "p.b"] == ["p.a"]
    assert await bucket.keys("p.") == ["p.a"]


async def test_a_key_that_expired_is_reported_and_free_at_once(bus: mwbus.Connection) -> None:
    """A value that was not renewed expires, is reported as expired and not as deleted, and can be created again."""
    bucket = await mwbus.open_bucket(bus, "short", ttl=1.0)
    async with asyncio.timeout(20), bucket.watch() as changes:
        assert await anext(changes) == MARK
        await bucket.create("a", b"1")
        assert (await anext(changes)).entry is not None
        gone = await anext(changes)
        assert (gone.key, gone.entry, gone.expired) == ("a", None, True)
        assert await bucket.get("a") is None
        assert await bucket.keys() == []
        revision = await bucket.create("a", b"2")
        with pytest.raises(mwbus.Conflict):
            await bucket.create("a", b"3")
        answer = await bucket.get("a")
        assert answer is not None
        assert (answer.value, answer.revision) == (b"2", revision)


async def test_of_many_who_create_one_succeeds(bus: mwbus.Connection) -> None:
    """Of ten concurrent creators one succeeds, also for a deleted key, and the others get Conflict."""
    bucket = await mwbus.open_bucket(bus, "facts")
    for _ in range(2):
        made = await asyncio.gather(
            *(bucket.create("a", b"%d" % number) for number in range(10)), return_exceptions=True
        )
        assert sum(isinstance(one, int) for one in made) == 1
        assert sum(isinstance(one, mwbus.Conflict) for one in made) == 9
        await bucket.delete("a")


async def test_only_the_version_that_was_seen_is_deleted(bus: mwbus.Connection) -> None:
    """A deletion that names a revision spares what another writer has put there since; a missing key is fine."""
    bucket = await mwbus.open_bucket(bus, "facts")
    seen = await bucket.put("a", b"1")
    newer = await bucket.put("a", b"2")
    with pytest.raises(mwbus.Conflict):
        await bucket.delete("a", seen)
    assert (await bucket.get("a")) == mwbus.Entry(b"2", newer)
    await bucket.delete("a", newer)
    await bucket.delete("never")
    assert await bucket.get("a") is None


async def test_a_bucket_is_opened_by_many_at_once(bus: mwbus.Connection) -> None:
    """Processes that start together and each find it missing end with one and the same bucket."""
    opened = await asyncio.gather(*(mwbus.open_bucket(bus, "shared", ttl=5) for _ in range(8)))
    await opened[0].put("a", b"1")
    assert {(await one.get("a") or mwbus.Entry(b"", 0)).value for one in opened} == {b"1"}


async def test_an_absent_server_is_reported_in_our_own_words(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """Every method says BusUnavailable while the server is away, and never with the client's own error."""
    bucket = await mwbus.open_bucket(bus, "facts")
    bus.js._timeout = 0.2
    await nats_server.kill()
    calls: list[Awaitable[Any]] = [
        bucket.get("a"),
        bucket.create("a", b"1"),
        bucket.update("a", b"1", 1),
        bucket.put("a", b"1"),
        bucket.delete("a"),
        bucket.delete("a", 1),
        bucket.keys(),
        bus.fill(),
        mwbus.until(bus, "EVENTS", datetime.datetime.now(datetime.UTC)),
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in outcomes] == [mwbus.BusUnavailable] * len(calls)


async def test_keys_that_are_lost_twice_are_reported_once_each(
    bus: mwbus.Connection, nats_server: NatsServer, tmp_path: Path
) -> None:
    """A bucket that is rewound again does not report the keys lost the first time again."""
    bucket = await mwbus.open_bucket(bus, "facts")
    await nats_server.copy_to(tmp_path / "copy")
    told: list[Change] = []

    async def follow() -> None:
        async with bucket.watch() as changes:
            async for change in changes:
                told.append(change)

    following = asyncio.create_task(follow())
    for key in ("lost-1", "lost-2"):
        await eventually(functools.partial(bucket.put, key, b"1"))
        await eventually(functools.partial(is_told, told, key, expired=False))
        await nats_server.go_back_to(tmp_path / "copy")
        await nats_server.start()
        await eventually(functools.partial(is_told, told, key, expired=True))
    await ending.end(following)
    assert [one.key for one in told if one.expired] == ["lost-1", "lost-2"]
