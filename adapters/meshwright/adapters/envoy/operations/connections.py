"""Testing the connection of a fleet: this worker's user and permissions on its host.

Invariant: a test changes nothing: it runs one program for its version, and binds and releases one port.
"""

import asyncio
import getpass
import os
import socket
from typing import Any

from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.dataplane import program
from meshwright.adapters.envoy.options import Options
from meshwright.core import kit
from meshwright.core.kit.machine import binaries, ports
from meshwright.schemas.connections import ConnectionTest, Permission


@adapter.connection_test
async def test_connection(runtime: kit.Runtime, _place: kit.OpenConnection[Any]) -> ConnectionTest:
    """Whether this worker can start sidecars on its host: the program, ports, and a folder for their files."""
    first = runtime.settings(Options).first_port
    version, starts = await _program()
    permissions = [starts, await _port(first), await asyncio.to_thread(_files, runtime)]
    return ConnectionTest(
        ok=all(each.allowed for each in permissions),
        identity=f"{_user()}@{socket.gethostname()}",
        version=version,
        permissions=permissions,
        details={"first_port": first, "data_dir": str(runtime.data_dir)},
    )


async def _program() -> tuple[str, Permission]:
    action = "start Envoy processes"
    try:
        binary = await asyncio.to_thread(program.envoy)
        version = await program.version(binary)
    except (binaries.BinaryMissingError, program.UnknownVersionError) as error:
        return "", Permission(action=action, allowed=False, because=str(error)[:2000])
    return version, Permission(action=action, allowed=True)


async def _port(first: int) -> Permission:
    action = f"listen on ports from {first}"
    try:
        await asyncio.to_thread(ports.choose, first)
    except OSError as error:
        return Permission(action=action, allowed=False, because=str(error)[:2000])
    return Permission(action=action, allowed=True)


def _files(runtime: kit.Runtime) -> Permission:
    directory = runtime.data_dir
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    allowed = os.access(directory, os.W_OK | os.X_OK)
    because = "" if allowed else f"{directory} cannot be written"
    return Permission(action="keep files of sidecars", allowed=allowed, because=because)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return str(os.getuid())
