"""Joining a sidecar on another host with an invitation, and renewing its certificates.

    python -m meshwright.adapters.envoy.dataplane.joining INVITATION FOLDER

Problem: Envoy cannot fetch the certificate that it needs in order to fetch its certificates. Invariant: the invitation
is used once, for a certificate of the sidecar's own, and that one for the next. This process may be stopped and
restarted for as long as the certificate is valid; the sidecar keeps running meanwhile. Everything in FOLDER is readable
by its owner only.
"""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec

from meshwright.adapters.envoy.dataplane.fleet import Fleet
from meshwright.adapters.envoy.pki import credentials
from meshwright.adapters.envoy.state import identity
from meshwright.adapters.envoy.xds.ads import JOINING
from meshwright.core.kit.machine import processes

_ANSWER_SECONDS = 10.0
_AGAIN_SECONDS = 30.0
_REFUSED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED)


class Start(msgspec.Struct, frozen=True):
    """The files with which a sidecar is started. In an invitation they are good for joining only."""

    bootstrap: dict[str, Any]
    files: dict[str, bytes]


class JoinRefused(Exception):
    """The control plane refuses this sidecar; the text says why."""


def encode(start: Start) -> bytes:
    """The encoded form."""
    return msgspec.json.encode(start)


def decode(value: bytes) -> Start:
    """Decode one. Raises msgspec.DecodeError, msgspec.ValidationError."""
    return msgspec.json.decode(value, type=Start)


async def join(held: Start) -> Start:
    """Request the start files of the sidecar, authenticating with the present ones.

    Raises JoinRefused, or OSError when the control plane does not answer.
    """
    key, chain, trusted = credentials.read(held.files)
    secured = grpc.ssl_channel_credentials(trusted, key, chain)
    options = [("grpc.ssl_target_name_override", identity.CONTROL_PLANE)]
    failure = "the bootstrap names no control plane"
    for place in _places(held.bootstrap):
        async with grpc.aio.secure_channel(place, secured, options) as channel:
            call: Any = channel.unary_unary(f"/{JOINING}/Join")
            try:
                return decode(await call(b"", timeout=_ANSWER_SECONDS))
            except grpc.aio.AioRpcError as error:
                failure = f"{place}: {error.details()}"
                if error.code() in _REFUSED:
                    raise JoinRefused(failure) from error
    raise OSError(failure)


async def stay(invitation: Path, folder: Path) -> None:
    """Join and keep the sidecar running. Raises JoinRefused, OSError, FleetError."""
    kept = folder / "start.json"
    async with Fleet.open(folder, keep_on_exit=True) as fleet:
        held = decode((kept if kept.exists() else invitation).read_bytes())
        while True:
            try:
                held = await join(held)
                processes.replace(kept, encode(held))
                await fleet.ensure(held.bootstrap["node"]["id"], held.bootstrap, held.files)
                pause = credentials.LIFE.total_seconds() / 2
            except OSError as error:  # the sidecar continues with its present files
                sys.stderr.write(f"the control plane does not answer: {error}\n")
                pause = _AGAIN_SECONDS
            await asyncio.sleep(pause)


def _places(bootstrap: dict[str, Any]) -> list[str]:
    ends = bootstrap["static_resources"]["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    places = [each["endpoint"]["address"]["socket_address"] for each in ends]
    return [f"{each['address']}:{each['port_value']}" for each in places]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m meshwright.adapters.envoy.dataplane.joining INVITATION FOLDER")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(stay(Path(sys.argv[1]), Path(sys.argv[2])))
        except JoinRefused as refusal:
            sys.exit(str(refusal))
