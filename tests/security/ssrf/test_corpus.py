"""Every known way to make Meshwright call an inner address, tried with listeners that would notice.

Nothing but loopback is ever called, and names are answered by the test's own resolver.
"""

import asyncio
import datetime
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus
from meshwright.core.bus import envelope
from meshwright.core.security import sealing, signatures, ssrf
from meshwright.schemas.webhooks import Webhook, WebhookWritten
from meshwright.workers.notifier.posting import Outcome, Poster
from rig.stack.receiving import Receiver, receiving

NOW = datetime.datetime.now(datetime.UTC)
_connects: list[Any] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        _connects.append(arguments[1])


sys.addaudithook(_hear)

HOSTS = {
    "loopback": ["127.0.0.1", "127.0.0.2", "127.255.255.254", "127.0.0.1.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]"],
    "this host": ["0.0.0.0", "0.1.2.3", "localhost", "LOCALHOST", "localhost.", "a.localhost", "ip6.localdomain"],
    "decimal": ["2130706433", "2130706433.", "127.1", "127.0.1", "127.65537"],
    "octal": ["0177.0.0.1", "017700000001", "0177.1", "127.0.0.01", "00000177.0.0.1"],
    "hexadecimal": ["0x7f000001", "0x7f.1", "0x7f.0.0.1", "0X7F000001", "127.0.0.0x1", "0x"],
    "IPv4-mapped": ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::FFFF:169.254.169.254]"],
    "IPv4-compatible": ["[::127.0.0.1]", "[::7f00:1]", "[::a9fe:a9fe]"],
    "IPv4-translated": ["[::ffff:0:127.0.0.1]", "[::ffff:0:7f00:1]", "[0::ffff:0:a9fe:a9fe]", "[::ffff:0:808:808]"],
    "NAT64": ["[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::10.0.0.1]"],
    "local NAT64": ["[64:ff9b:1::127.0.0.1]", "[64:ff9b:1:abcd::7f00:1]", "[64:ff9b:1::8.8.8.8]"],
    "6to4": ["[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:0808:0808::1]"],
    "Teredo": ["[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[2001::1]", "[2001:0:7f00:1::80ff:fffe]"],
    "ISATAP": ["[fe80::5efe:127.0.0.1]", "[2600::5efe:127.0.0.1]", "[2600::200:5efe:10.0.0.1]", "[2600::5efe:a00:1]"],
    "link-local": ["169.254.169.254", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[febf::1]"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]"],
    "carriers": ["100.64.0.1", "100.127.255.255", "100.100.100.200", "168.63.129.16"],
    "special": [
        "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "[100::1]", "[100:0:0:1::1]", "[2001:2::1]", "[2001:10::1]", "[2001:20::1]", "[2001:db8::1]", "[3fff::1]",
        "[5f00::1]", "[4000::1]", "[ff02::1]", "[ff0e::1]",
    ],
    "letters": ["①②⑦.⓪.⓪.①", "127。1", "\uff11\uff12\uff17.0.0.1", "ⓛocalhost", "l\u043ecalhost", "127.1%00.x.test"],
    "inner names": ["metadata.google.internal", "kubernetes.default.svc.cluster.local", "router.home.arpa"],
    "users": ["user@127.0.0.1", "example.com@127.0.0.1", "127.0.0.1@example.com", "user:pass@localhost", "@localhost"],
    "marks": ["127.0.0.1\\@example.com", "127.0.0.1 ", "127.0.0.1\t", "127.1\r\nX: y", "[::1", "::1", "127..0.1", ""],
}  # fmt: skip
FORMS = [(kind, host) for kind, hosts in HOSTS.items() for host in hosts]
NAMED = [
    "127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001::1", "::127.0.0.1", "fe80::1%lo", "fe80::1", "fd00::1", "10.0.0.1",
    "169.254.169.254", "100.64.0.1", "2600::5efe:7f00:1", "not an address", "127.1", "",
]  # fmt: skip
"""What the resolver says of a name with a public face."""


class Caller:
    """Webhook calls with a resolver of the test's own, which gives its answers one after the other.

    `port` is one that public servers have, so the port alone forbids nothing.
    """

    def __init__(self, folder: Path, port: int, allow: str = "") -> None:
        self.sealer = sealing.from_file(folder / "keys")
        self.answers: list[list[str]] = [["127.0.0.1"]]
        self.asked = 0
        self._poster = Poster(self.sealer, ssrf.policy(allow, frozenset({port})), self.resolve, 5.0)

    async def resolve(self, host: str, port: int) -> list[str]:
        """The next answer, the last one for ever."""
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]

    async def call(self, url: str) -> Outcome:
        """One delivery to that URL."""
        headers = envelope.write(bus.Envelope(id="1", source="test", type="dev.x.v1"))
        event = bus.Received(
            stream="EVENTS", subject="mw.evt.w.envoy.operation.x", seq=7, time=0, headers=headers, payload=b"{}"
        )
        secret = signatures.seal(self.sealer, b"s" * 32, "w", "ops")
        document = Webhook(id="ops", url=url)
        written = WebhookWritten(document=document, secret=secret, created_at=NOW, since=0, as_of=0, principal="ann")
        async with self._poster.client() as client:
            return await self._poster.post(client, "w", written, event, 1)


@pytest.fixture
async def traps() -> AsyncIterator[Receiver]:
    """A receiver on one port of every loopback address, IPv4 and IPv6."""
    async with receiving() as receiver:
        taken = receiver.calls

        async def caught(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken.append(await reader.read(100))  # type: ignore[arg-type]
            writer.close()

        others = [await asyncio.start_server(caught, "127.0.0.2", receiver.port)]
        if socket.has_ipv6:
            others.append(await asyncio.start_server(caught, "::1", receiver.port))
        _connects.clear()
        yield receiver
        for one in others:
            one.close()


def test_the_corpus_is_large() -> None:
    """Sixty forms at least, each once."""
    assert len(FORMS) >= 60
    assert len(set(FORMS)) == len(FORMS)


@pytest.mark.parametrize("kind", HOSTS)
async def test_no_form_of_an_inner_address_is_called(traps: Receiver, tmp_path: Path, kind: str) -> None:
    """Whatever stands in the URL: nothing is called, not even tried, and no name is asked for that has no letters."""
    caller = Caller(tmp_path, traps.port)
    for host in HOSTS[kind]:
        for scheme in ("http", "https"):
            outcome = await caller.call(f"{scheme}://{host}:{traps.port}/")
            assert (outcome.delivered, outcome.status) == (False, None), host
            assert outcome.detail, host
    assert _connects == []
    assert traps.calls == []


@pytest.mark.parametrize("inner", NAMED)
@pytest.mark.parametrize("beside", [[], ["127.0.0.3"]], ids=["alone", "beside an allowed one"])
async def test_no_name_leads_to_an_inner_address(
    traps: Receiver, tmp_path: Path, inner: str, beside: list[str]
) -> None:
    """A name with one address that is not public is not called at any of them."""
    caller = Caller(tmp_path, traps.port, "127.0.0.3" if beside else "")
    caller.answers = [[*beside, inner]]
    outcome = await caller.call(f"http://hooks.example.com:{traps.port}/")
    assert (outcome.delivered, outcome.status) == (False, None)
    assert caller.asked == 1
    assert _connects == []
    assert traps.calls == []


async def test_a_name_is_called_at_the_address_that_was_checked(traps: Receiver, tmp_path: Path) -> None:
    """A resolver that changes its mind after the check is not asked again; with the next call it is, and refused."""
    caller = Caller(tmp_path, traps.port, "127.0.0.2")
    caller.answers = [["127.0.0.2"], ["127.0.0.1"]]
    await caller.call(f"http://rebinding.example.com:{traps.port}/")
    assert caller.asked == 1
    assert _connects == [("127.0.0.2", traps.port)]
    outcome = await caller.call(f"http://rebinding.example.com:{traps.port}/")
    assert "not a public address" in outcome.detail
    assert _connects == [("127.0.0.2", traps.port)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_leads_nowhere(traps: Receiver, tmp_path: Path, status: int) -> None:
    """An endpoint that may be called cannot send the call on to one that may not, or to any."""
    traps.answer = lambda call: (status, {"Location": f"http://127.0.0.2:{traps.port}/"})
    caller = Caller(tmp_path, traps.port, "127.0.0.1")
    outcome = await caller.call(f"http://127.0.0.1:{traps.port}/")
    assert outcome.status == status
    assert not outcome.delivered
    assert _connects == [("127.0.0.1", traps.port)]
    assert len(traps.calls) == 1


async def test_what_an_operator_allows_is_called(traps: Receiver, tmp_path: Path) -> None:
    """The legitimate use: an allowed network by address and by name, and no neighbour of it."""
    caller = Caller(tmp_path, traps.port, "127.0.0.1/32")
    assert (await caller.call(f"http://127.0.0.1:{traps.port}/")).delivered
    assert (await caller.call(f"http://hooks.example.com:{traps.port}/")).delivered
    assert len(traps.calls) == 2
    assert not (await caller.call(f"http://127.0.0.2:{traps.port}/")).delivered
    assert set(_connects) == {("127.0.0.1", traps.port)}


async def test_a_look_up_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking a name up and judging its addresses calls nothing."""
    _connects.clear()
    result = await ssrf.system_resolver("localhost", 80)
    assert set(result) <= {"127.0.0.1", "::1"}
    target = ssrf.parse("http://hooks.example.com/", ssrf.policy(""))
    with pytest.raises(ssrf.Forbidden):
        await ssrf.admit(target, ssrf.policy(""), lambda host, port: ssrf.system_resolver("localhost", port))
    assert _connects == []


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "192.31.196.1",
        "2606:4700::1111",
        "2001:200::1",
        "2620:4f:8000::1",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
    ],
)
async def test_public_addresses_stay_public(address: str) -> None:
    """What the registries call globally reachable may be called: judged, and here not called."""
    target = ssrf.parse("http://hooks.example.com/", ssrf.policy(""))

    async def answer(host: str, port: int) -> list[str]:
        return [address]

    assert await ssrf.admit(target, ssrf.policy(""), answer)
