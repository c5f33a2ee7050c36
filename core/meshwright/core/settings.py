"""Settings that every process shares, read from the environment once, at the composition root.

Invariant: nothing below the root reads `os.environ`; all invalid values are reported together at the start.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

PREFIX = "MESHWRIGHT_"
LISTEN_PATTERN = r"^(|(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5})\Z"
"""host:port, or empty"""
AtLeastOne: TypeAlias = Annotated[int, Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=1e7)]


class InvalidSettings(Exception):
    """The environment has invalid values; the text names each of them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The common settings. Each field is the environment variable MESHWRIGHT_<FIELD>."""

    nats_url: str = "nats://127.0.0.1:4222"
    """NATS servers, separated by commas; `tls://` requires TLS before anything is sent"""
    nats_credentials_file: Path | None = None
    """credentials file of this process, one per component (`meshwright-nats users`); mode 0600"""
    nats_ca_file: Path | None = None
    """CA certificates (PEM) by which a NATS server is verified over TLS; unset: those of the host"""
    nats_allow_anonymous: bool = False
    """allow a NATS server that admits anonymous clients, which then have full access"""
    mongodb_url: str = "mongodb://127.0.0.1:27017/?directConnection=true"
    mongodb_credentials_file: Path | None = None
    """file with `user:password` on one line for MongoDB: one user may write the views, the API reads; mode 0600"""
    mongodb_allow_anonymous: bool = False
    """allow a MongoDB that admits anonymous clients, which then may read and forge everything"""
    mongodb_database: str = "meshwright"
    data_dir: Path = Path(".meshwright")
    """folder of what a process stores on this host: proxies' records, logs; all of it can be rebuilt"""
    secret_key_file: Path | None = None
    """file with the keys that seal secrets on the stream, shared by all processes; created when it is missing"""
    webhook_allow: str = ""
    """networks, addresses and hosts that webhooks may reach although they are not public, separated by commas"""
    connection_allow: str = ""
    """the same for the URLs of connections and the servers in kubeconfigs"""
    kubeconfig_allow: str = ""
    """dangerous fields that a kubeconfig may use (`exec`, `proxy-url`, …), separated by commas"""
    replicas: AtLeastOne = 1
    """replicas of each stream and key-value bucket; 3 on a NATS cluster"""
    streams_gib: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    """size limit of all streams together, which JetStream reserves; unset: unchanged, 10 GiB at first"""
    metrics_listen: Annotated[str, Meta(pattern=LISTEN_PATTERN)] = ""
    """host:port at which this process serves /metrics for Prometheus, each its own; unset: only the API does"""
    log_level: Annotated[str, Meta(pattern=r"(?i)^(debug|info|warning|error|critical)\Z")] = "info"
    log_format: Literal["text", "json"] = "text"
    """text for people, json for collectors"""


K = TypeVar("K", bound=msgspec.Struct)


def prefix_of(adapter: str) -> str:
    """The prefix of an adapter's environment variables."""
    return f"{PREFIX}{adapter.upper().replace('-', '_')}_"


def load(kind: type[K], environ: dict[str, str] | None = None, *, prefix: str = PREFIX) -> K:
    """The settings from MESHWRIGHT_* variables, or from those with another prefix; an empty value counts as unset.

    Raises InvalidSettings, which names every invalid variable.
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
