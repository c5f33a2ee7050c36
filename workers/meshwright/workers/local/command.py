"""The command line: `up`, `down`, `status`.

Problem: one command should start a running mesh and one remove it. Invariant: `up` may be repeated at any time (it
joins running parts and starts the others), Ctrl-C stops what this `up` started, and `down` verifies that no process is
left.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from meshwright.core.machine import binaries, processes
from meshwright.workers.local import home, parts, running, starting, status
from meshwright.workers.local.output import Output
from meshwright.workers.local.supervising import Supervisor
from meshwright.workers.running import until_signalled


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 success, 1 failure, 2 usage error, 130 interrupted."""
    options = _parser().parse_args(arguments)
    where, output = home.find(os.environ), Output()
    work = {"up": _up, "down": _down, "status": _status, "supervise": _supervise}[options.command]
    try:
        code = asyncio.run(work(where, output, options))
    except (home.LocalError, binaries.BinaryMissingError) as error:
        sys.stderr.write(f"error: {error}\n")
        code = 1
    _leave(code)


def _leave(code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:  # the reader has closed the pipe; the interpreter would complain that it cannot write
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="meshwright-local",
        description="Meshwright on this machine. Everything is kept in .meshwright, or in MESHWRIGHT_HOME.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything, keep what is running, restart what exited")
    up.add_argument(
        "--foreground",
        action="store_true",
        help="stay in the foreground, restart what exits, stop everything on Ctrl-C",
    )
    for name, what in (("nats", "NATS (with JetStream)"), ("mongodb", "MongoDB")):
        setting = f"MESHWRIGHT_LOCAL_{name.upper()}, where a password is not visible"
        up.add_argument(
            f"--{name}", metavar="URL", default="", help=f"use this {what} instead of starting one; or {setting}"
        )
    down = commands.add_parser("down", help="stop everything; data is kept")
    down.add_argument("--wipe", action="store_true", help="delete the data too")
    commands.add_parser("status", help="show what is running; exit code 1 when something is not")
    commands.add_parser("supervise", help="restart what exits; `up` leaves this running")
    return parser


async def _up(where: home.Home, output: Output, options: argparse.Namespace) -> int:
    plan = starting.plan_of(os.environ, nats=options.nats, mongodb=options.mongodb)
    return await starting.up(where, output, plan, foreground=options.foreground)


async def _down(where: home.Home, output: Output, options: argparse.Namespace) -> int:
    if not where.directory.exists() and not processes.matching("environ", where.marker):
        output.line(f"Nothing is running here: there is no {where.directory}.")
        return 0
    await starting.stop(where, output)
    if options.wipe:
        where.wipe()
        output.line(f"Forgotten: {where.directory}")
    else:
        output.line(f"Data is kept in {where.directory}; `make down WIPE=1` deletes it.")
    return 0


async def _status(where: home.Home, output: Output, options: argparse.Namespace) -> int:
    del options
    return await status.print_report(where, output)


async def _supervise(where: home.Home, output: Output, options: argparse.Namespace) -> int:
    del output, options
    plan, ports = where.plan(), where.ports()
    if plan is None or ports is None:
        raise home.LocalError(f"there is no stack in {where.directory} to supervise; `make up` creates one")
    stack = running.LocalStack(where, Output(dated=True))
    await until_signalled(Supervisor(stack, parts.everything(where, ports, plan)).keep)
    return 0
