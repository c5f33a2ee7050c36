"""The guard against server-side request forgery: which URLs given by users may be requested from here.

Problem: a user's URL is requested from this process's position in the network; a name can resolve to internal
addresses, and to others at the next lookup. Invariant: a name is resolved once per call, every address it has is
checked, and the connection goes to an address that was checked. An IPv6 address is public when it is global unicast, an
IPv4 address when no special-purpose registry has it, and an IPv6 address that embeds an IPv4 address is judged by that.
An operator's allow-list (`Policy.allow`) is the only exception.

https://www.iana.org/assignments/iana-ipv4-special-registry,
https://www.iana.org/assignments/iana-ipv6-special-registry.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host name; raises OSError when it has none."""

PORTS = frozenset({80, 443, 8080, 8443})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[\x21-\x7e]+\Z")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\Z")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_HERE = ("localhost", "local", "internal", "localdomain", "home.arpa")
"""names that, with all below them, mean this host or network"""
_INNER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's platform service, a public address that is reachable from inside only
        # Of global unicast: protocol assignments with Teredo and ORCHID, documentation twice, 6to4.
        "2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16",
    )
)  # fmt: skip
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""all else in IPv6 is special or unassigned: RFC 4291, 2.4"""
_STANDING_FOR_IPV4 = tuple(ipaddress.IPv6Network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96"))
"""IPv4-mapped (RFC 4291) and translated (RFC 6052) prefixes: these reach the IPv4 address in the last 32 bits"""
_ISATAP = (0x00005EFE, 0x02005EFE)
"""the middle of an interface identifier whose last 32 bits are the IPv4 address of a tunnel's end: RFC 5214, 6.1"""


class Forbidden(Exception):
    """The URL may not be requested; the text has the reason for its author."""


class InvalidPolicy(Exception):
    """The allow-list cannot be parsed."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is allowed besides the public internet on the usual ports: networks, and host names with any address."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = PORTS

    def allows_host(self, host: str) -> bool:
        """Whether the allow-list has this host."""
        return host in self.hosts

    def allows_address(self, address: Address) -> bool:
        """Whether the allow-list has a network of this address."""
        return any(address in network for network in self.networks)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A URL whose text is acceptable. `host` is lower-case, and an IPv6 address has no brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def at(self, address: Address) -> str:
        """The same URL with an address in place of the name."""
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def policy(text: str, ports: frozenset[int] = PORTS) -> Policy:
    """The policy of an allow-list: networks, addresses and host names, separated by commas; `ports` of public servers.

    Raises InvalidPolicy.
    """
    networks, hosts = [], set()
    for word in (part.strip().lower() for part in text.split(",") if part.strip()):
        try:
            networks.append(ipaddress.ip_network(word))
        except ValueError as error:
            if not _HOST.match(word) or _numeric(word):
                raise InvalidPolicy(f"{word!r} is neither a network, an address nor a host name") from error
            hosts.add(word)
    return Policy(networks=tuple(networks), hosts=frozenset(hosts), ports=ports)


def parse(url: str, policy: Policy) -> Target:
    """The parts of a URL, checked as far as possible without a lookup.

    Raises Forbidden.
    """
    if not _PLAIN.match(url) or "\\" in url:
        raise Forbidden(
            "a URL may not contain whitespace, backslashes or non-ASCII characters; write other names in punycode"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Forbidden(f"not a URL: {error}") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise Forbidden("only http and https are allowed")
    if "@" in parts.netloc:
        raise Forbidden("a URL may not contain a user or password")
    if port == 0 or parts.netloc.endswith(":"):
        raise Forbidden("the port is missing")
    host = (parts.hostname or "").lower().removesuffix(".")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(scheme=parts.scheme, host=host, port=port or _DEFAULT_PORTS[parts.scheme], path=path)
    _check_host(target, policy)
    return target


def is_public(address: Address) -> bool:
    """Whether an address, and the IPv4 address that it may embed, is public."""
    if isinstance(address, ipaddress.IPv6Address):
        last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address.scope_id:
            return False
        if any(address in network for network in _STANDING_FOR_IPV4):
            return is_public(last)
        if address not in _GLOBAL_UNICAST or (int(address) >> 32 & 0xFFFFFFFF in _ISATAP and not is_public(last)):
            return False
    return not any(address in network for network in _INNER if network.version == address.version)


async def admit(target: Target, policy: Policy, resolver: Resolver) -> list[Address]:
    """The addresses to connect to, all of them checked; must be called again for every request.

    Raises Forbidden, OSError when the name does not resolve.
    """
    literal = _literal(target.host)
    texts = [str(literal)] if literal else await resolver(target.host, target.port)
    try:
        addresses = [ipaddress.ip_address(one) for one in texts]
    except ValueError as error:
        raise Forbidden(f"{target.host} has an address that cannot be parsed") from error
    if not addresses:
        raise OSError(f"{target.host} has no address")
    for address in addresses:
        _check_address(target, address, policy)
    return addresses


async def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a host by the resolver of the operating system."""
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in answers))


def _check_host(target: Target, policy: Policy) -> None:
    literal = _literal(target.host)
    if literal is not None:
        _check_address(target, literal, policy)
        return
    if not _HOST.match(target.host) or _numeric(target.host):
        raise Forbidden("the host is neither a name nor an address in standard notation")
    if policy.allows_host(target.host):
        return
    if target.host in _HERE or target.host.endswith(tuple(f".{name}" for name in _HERE)):
        raise Forbidden(f"{target.host} is a name of the internal network")
    if not policy.networks:  # with networks allowed, the port is checked together with the address
        _check_port(target, policy)


def _check_address(target: Target, address: Address, policy: Policy) -> None:
    if policy.allows_host(target.host) or policy.allows_address(address):
        return
    if not is_public(address):
        raise Forbidden(f"{target.host} resolves to {address}, which is not a public address")
    _check_port(target, policy)


def _check_port(target: Target, policy: Policy) -> None:
    if target.port not in policy.ports:
        usual = ", ".join(map(str, sorted(policy.ports)))
        raise Forbidden(f"port {target.port} is not one of {usual}")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _numeric(host: str) -> bool:
    """Whether some programs would parse this as an IPv4 address in decimal, octal, hexadecimal or short form."""
    return _NUMBER.match(host.rpartition(".")[2]) is not None
