"""The guard and the seal, held against any URL, any address and any bytes."""

import base64
import ipaddress
import itertools
import tempfile
from pathlib import Path

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from meshwright.core.security import sealing, ssrf

NOTHING = ssrf.policy("")
INNER = [network for network in ssrf._INNER if network.version == 4]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PIECES = (
    "http:// https:// // @ : / ? # \\ [ ] ::1 127.0.0.1 0x7f.1 localhost . % example.com a 1 80 443 2130706433 xn--a"
    " _ - .. ::ffff:10.0.0.1 %31"
)
pieces = st.sampled_from([*PIECES.split(" "), "\t", " "])
joined = st.lists(pieces, max_size=7).map("".join)
urls = texts | joined | joined.map("http://{}".format)
EDGES = sorted((int(net.network_address), int(net.broadcast_address)) for net in INNER)
GAPS = [(end + 1, start - 1) for (_, end), (start, _) in itertools.pairwise(EDGES) if start > end + 1]
"""where the public addresses lie"""
public = st.sampled_from(GAPS).flatmap(lambda gap: st.integers(*gap)).map(ipaddress.IPv4Address)
inner = st.sampled_from(INNER).flatmap(
    lambda net: st.integers(int(net.network_address), int(net.broadcast_address)).map(ipaddress.IPv4Address)
)


@given(urls)
@example("http://[v1.x]/")
@example("http://[::1%25lo]:80/")
@example("http://a\u2100b.com/")
def test_any_text_is_a_target_or_forbidden(url: str) -> None:
    """Nothing else comes of it; and what is called for a target is what was checked, also in the caller's eyes."""
    try:
        target = ssrf.parse(url, NOTHING)
    except ssrf.Forbidden as refusal:
        assert str(refusal)
        return
    assert target.scheme in ("http", "https")
    assert target.port in ssrf.PORTS
    assert target.host == target.host.lower()
    address = ipaddress.ip_address("93.184.216.34")
    called = httpx.URL(target.at(address))
    assert (called.scheme, called.host) == (target.scheme, str(address))
    assert (called.port or {"http": 80, "https": 443}[target.scheme]) == target.port
    assert called.userinfo == b""
    again = ssrf.parse(f"{target.scheme}://{target.authority}{target.path}", NOTHING)
    assert (again.host, again.port, again.scheme) == (target.host, target.port, target.scheme)


def disguises(address: ipaddress.IPv4Address) -> list[str]:
    """Hosts by which some program would reach an IPv4 address."""
    number, octets = int(address), [int(part) for part in str(address).split(".")]
    high, low = divmod(number, 2**16)
    tail = f"{high:x}:{low:x}"
    return [
        str(address), f"{address}.", str(number), hex(number),
        ".".join(map(hex, octets)), ".".join(f"0{octet:o}" for octet in octets),
        f"{octets[0]}.{number % 2**24}", f"{octets[0]}.{octets[1]}.{number % 2**16}",
        f"[::ffff:{address}]", f"[::{address}]", f"[64:ff9b::{tail}]", f"[2002:{tail}::1]", f"[::ffff:{tail}]",
    ]  # fmt: skip


@given(inner)
def test_no_disguise_of_an_inner_address_passes(address: ipaddress.IPv4Address) -> None:
    """However it is written, as text and as what a name resolves to."""
    for host in disguises(address):
        with pytest.raises(ssrf.Forbidden):
            ssrf.parse(f"http://{host}/", NOTHING)


@given(public)
async def test_a_public_address_passes_as_itself_only(address: ipaddress.IPv4Address) -> None:
    """Every other IPv4 address may be called by its usual form, and not by any that programs read differently."""
    plain, *others = disguises(address)
    target = ssrf.parse(f"http://{plain}/", NOTHING)
    assert await ssrf.admit(target, NOTHING, never) == [address]
    for host in others[1:7]:
        if host.strip("[]") != plain:
            with pytest.raises(ssrf.Forbidden):
                ssrf.parse(f"http://{host}/", NOTHING)


async def never(host: str, port: int) -> list[str]:
    """A resolver that must not be asked."""
    raise AssertionError(f"{host}:{port} was asked for")


@given(texts | st.lists(pieces, max_size=6).map(",".join))
def test_an_allow_list_is_a_policy_or_invalid(text: str) -> None:
    """An invalid setting raises only its own error, and a valid one allows exactly what it names."""
    try:
        policy = ssrf.policy(text)
    except ssrf.InvalidPolicy:
        return
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    assert len(policy.networks) + len(policy.hosts) <= len(words)
    assert policy.hosts <= set(words)


async def test_a_name_without_addresses_is_no_permission() -> None:
    """A resolver that returns nothing, or something that is not an address, allows nothing."""

    async def nothing(host: str, port: int) -> list[str]:
        return []

    async def nonsense(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "example.net"]

    target = ssrf.parse("http://example.com/", NOTHING)
    with pytest.raises(OSError, match="no address"):
        await ssrf.admit(target, NOTHING, nothing)
    with pytest.raises(ssrf.Forbidden, match="cannot be parsed"):
        await ssrf.admit(target, NOTHING, nonsense)


KEYS = [bytes([number]) * 32 for number in range(3)]
contexts = st.lists(st.text("abc", max_size=3), max_size=3).map(tuple)


@given(st.binary(max_size=40), contexts, contexts, st.permutations(KEYS))
def test_a_seal_opens_with_its_key_in_its_context(
    secret: bytes, context: tuple[str, ...], other: tuple[str, ...], keys: list[bytes]
) -> None:
    """In any order of keys that holds the one it was sealed with; in no other context, and without that key nowhere."""
    sealed = sealing.Sealer(keys[:1]).seal(secret, *context)
    assert sealing.Sealer(keys).open(sealed, *context) == secret
    assert sealing.Sealer(keys[::-1]).open(sealed, *context) == secret
    if "\0".join(other) != "\0".join(context):
        with pytest.raises(sealing.CannotOpen, match="another resource"):
            sealing.Sealer(keys).open(sealed, *other)
    with pytest.raises(sealing.CannotOpen, match="not in the key file"):
        sealing.Sealer(keys[1:]).open(sealed, *context)


@given(st.binary(max_size=20), st.binary(max_size=60), st.sampled_from(["nonce", "ciphertext"]))
def test_what_was_tampered_with_is_reported_as_such(secret: bytes, noise: bytes, where: str) -> None:
    """Any other nonce or ciphertext, of whatever length, cannot be opened; nothing else is raised."""
    sealer = sealing.Sealer(KEYS)
    sealed = sealer.seal(secret, "w")
    assume(noise != getattr(sealed, where))
    fields = {"key_id": sealed.key_id, "nonce": sealed.nonce, "ciphertext": sealed.ciphertext, where: noise}
    with pytest.raises(sealing.CannotOpen):
        sealer.open(type(sealed)(**fields), "w")  # type: ignore[arg-type]  # one of the two bytes


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=3))
def test_a_key_file_is_read_as_its_owner_wrote_it(keys: list[bytes]) -> None:
    """One key per line, the first one seals; a blank line or a short key is refused, and never skipped."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "keys"
        lines = [base64.b64encode(key).decode() for key in keys]
        file.write_text("\n".join(lines) + "\n")
        sealed = sealing.from_file(file).seal(b"x", "w")
        assert sealing.Sealer(keys[:1]).open(sealed, "w") == b"x"
        for bad in ([*lines, "", lines[0]], [*lines, lines[0][:40]], [lines[0] + "!"]):
            file.write_text("\n".join(bad) + "\n")
            with pytest.raises(sealing.InvalidKeyFile, match="base64"):
                sealing.from_file(file)
