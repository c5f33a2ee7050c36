"""Settings that every process shares, read from the environment once, at the composition root.

Invariant: nothing below the root reads `os.environ`; a wrong value is reported at the start, all at once.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

PREFIX = "MESHWRIGHT_"
AtLeastOne: TypeAlias = Annotated[int, Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=1e7)]


class InvalidSettings(Exception):
    """The environment holds values that cannot be used; the text names each of them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers are. Each field is the environment variable MESHWRIGHT_<FIELD>."""

    nats_url: str = "nats://127.0.0.1:4222"
    """the servers of NATS, divided by commas; `tls://` for one with TLS: nothing is sent to it without"""
    nats_credentials_file: Path | None = None
    """the key by which NATS knows this process, one for each component (`meshwright-nats users`); mode 0600"""
    nats_ca_file: Path | None = None
    """the CA certificates (PEM) that a NATS server must prove itself by, over TLS; unset: those of this machine"""
    nats_allow_anonymous: bool = False
    """work also on a NATS server that lets anybody in, who then may do everything"""
    mongodb_url: str = "mongodb://127.0.0.1:27017/?directConnection=true"
    mongodb_credentials_file: Path | None = None
    """`user:password` on one line, by which MongoDB knows this process: one may write the views, the API reads; 0600"""
    mongodb_allow_anonymous: bool = False
    """work also on a MongoDB that lets anybody in, who then may read and forge everything"""
    mongodb_database: str = "meshwright"
    data_dir: Path = Path(".meshwright")
    """what a process keeps on this host: proxies' records, logs; nothing that cannot be rebuilt"""
    secret_key_file: Path | None = None
    """holds the keys that seal secrets on the stream, the same for all processes; it is made when it is missing"""
    webhook_allow: str = ""
    """networks, addresses and hosts that webhooks may reach although they are not public, divided by commas"""
    connection_allow: str = ""
    """the same for the URLs of connections and the servers in kubeconfigs"""
    kubeconfig_allow: str = ""
    """fields that a kubeconfig may use although they are dangerous here (`exec`, `proxy-url`, …), divided by commas"""
    replicas: AtLeastOne = 1
    """copies of each stream and key-value bucket; 3 on a NATS cluster"""
    streams_gib: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """what all streams may hold together, which JetStream reserves; unset: as they are, 10 GiB at first"""
    log_level: Annotated[str, Meta(pattern=r"(?i)^(debug|info|warning|error|critical)\Z")] = "info"
    log_format: Literal["text", "json"] = "text"
    """text for people, json for collectors"""


K = TypeVar("K", bound=msgspec.Struct)


def prefix_of(adapter: str) -> str:
    """How the variables of an adapter begin."""
    return f"{PREFIX}{adapter.upper().replace('-', '_')}_"


def load(kind: type[K], environ: dict[str, str] | None = None, *, prefix: str = PREFIX) -> K:
    """The settings from MESHWRIGHT_* variables, or those of another prefix; an empty one counts as not set.

    Raises InvalidSettings naming every bad variable.
    """
    source = dict(os.environ) if environ is None else environ
    values = {}
    problems = []
    for field in msgspec.structs.fields(kind):
        name = prefix + field.name.upper()
        if not source.get(name):
            continue
        try:
            values[field.name] = msgspec.convert(source[name], field.type, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            problems.append(f"{name}={source[name]!r}: {error}")
    if problems:
        raise InvalidSettings("; ".join(problems))
    return kind(**values)


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(f"cannot read {kind}")
