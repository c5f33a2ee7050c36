"""Addresses of servers as settings write them: several in one value, with users and passwords.

Invariant: `nats_servers` is the only reader of MESHWRIGHT_NATS_URL; an address in a message holds no password.
"""

import re

_USER = re.compile(r"(?<=://)[^@/\s]*@")


def nats_servers(value: str) -> list[str]:
    """The URL of each server in a list separated by commas; `nats://` may be left out."""
    parts = (part.strip() for part in value.split(","))
    return [part if "://" in part else f"nats://{part}" for part in parts if part]


def mongodb_servers(url: str) -> list[str]:
    """The URL of each server of a MongoDB URL, which lists several before its database."""
    scheme, _, rest = url.partition("://")
    hosts = rest.partition("/")[0].rpartition("@")[2]
    return [f"{scheme}://{host}" for host in hosts.split(",")]


def without_user(url: str) -> str:
    """The address without user and password."""
    return _USER.sub("", url)


def redacted(text: str) -> str:
    """A text with the users and passwords of all addresses in it removed."""
    return _USER.sub("***@", text)
