"""Ports on loopback: chosen once, reserved for one owner, and never given to two.

Problem: a port that is free now may be taken a moment later, also by a process that chooses at the same moment, and a
port once chosen must stay the same over restarts. Invariant: all programs of one user on a host choose under one lock
and record their choice, so no port is given twice; a port was bindable when it was given, and is not one of `taken`;
candidates start at a preferred number below the kernel's ephemeral range, so no outgoing connection uses them
meanwhile.
"""

import contextlib
import fcntl
import os
import socket
import stat
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from meshwright.core.machine import processes

HIGHEST = 32_767  # Linux uses 32768 and above for outgoing connections
FOLDER = Path("/tmp")  # noqa: S108 - one place for the whole host; a folder in it is used only when it is ours alone
_LOCK_WITHIN = 10.0  # seconds


class Registry:
    """The ports that this user's programs have reserved on this host.

    An owner is an existing file or folder; its reservations end when it is removed, or by `release`.
    """

    def __init__(self, parent: Path = FOLDER) -> None:
        self._folder = parent / f"meshwright-{os.geteuid()}"

    def reserve(
        self, count: int, preferred: int, *, owner: Path, taken: Collection[int] = (), host: str = "127.0.0.1"
    ) -> list[int]:
        """Reserve `count` free ports from `preferred` upwards that no owner has reserved, none of them `taken`.

        Raises OSError when there are not that many, or the registry cannot be used.
        """
        with self._locked() as path:
            reserved = _read(path)
            chosen = choose_many(count, preferred, taken={*taken, *reserved}, host=host)
            _write(path, reserved | dict.fromkeys(chosen, str(owner)))
        return chosen

    def assign(self, ports: Collection[int], *, owner: Path, seize: bool = False) -> set[int]:
        """Replace the owner's reservations with these; returns those of them that another owner has reserved.

        Those stay with the other owner, unless they are seized. Raises OSError when the registry cannot be used.
        """
        with self._locked() as path:
            others = {port: name for port, name in _read(path).items() if name != str(owner)}
            mine = dict.fromkeys(ports, str(owner))
            _write(path, others | mine if seize else mine | others)
        return {port for port in ports if port in others}

    def claim(self, ports: Collection[int], *, owner: Path) -> set[int]:
        """Reserve these for the owner in addition; returns those of them that another owner has reserved.

        Raises OSError when the registry cannot be used.
        """
        with self._locked() as path:
            reserved = _read(path)
            _write(path, dict.fromkeys(ports, str(owner)) | reserved)
        return {port for port in ports if reserved.get(port, str(owner)) != str(owner)}

    def give_back(self, ports: Collection[int], *, owner: Path) -> None:
        """Release those of these ports that the owner has reserved.

        Raises OSError when the registry cannot be used.
        """
        with self._locked() as path:
            reserved = _read(path)
            _write(path, {port: name for port, name in reserved.items() if port not in ports or name != str(owner)})

    def all(self) -> dict[int, str]:
        """Every reservation: the owner by port.

        Raises OSError when the registry cannot be used.
        """
        with self._locked() as path:
            return _read(path)

    def release(self, owner: Path) -> None:
        """Release all ports of the owner.

        Raises OSError when the registry cannot be used.
        """
        with self._locked() as path:
            kept = {port: name for port, name in _read(path).items() if name != str(owner)}
            if kept:
                _write(path, kept)
                return
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another program has put something there
                self._folder.rmdir()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Path]:
        """Lock the folder exclusively; yields the path of the file in it."""
        deadline = time.monotonic() + _LOCK_WITHIN
        while (descriptor := self._try_lock()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._folder} has been locked by another process for {_LOCK_WITHIN:.0f} s")
            time.sleep(0.005)
        try:
            yield self._folder / "ports.json"
        finally:
            os.close(descriptor)

    def _try_lock(self) -> int | None:
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(mode=0o700)
        try:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:  # released and removed in between
            return None
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
                raise PermissionError(
                    f"{self._folder}, which records this user's ports, can be written by others: remove it"
                )
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The process that released the last port may have removed the folder while it was being opened.
            if self._folder.stat().st_ino == status.st_ino:
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None


def _read(path: Path) -> dict[int, str]:
    """The reservations whose owners still exist."""
    try:
        owners = msgspec.json.decode(path.read_bytes(), type=dict[int, str])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}
    there = {name for name in set(owners.values()) if Path(name).exists()}
    return {port: name for port, name in owners.items() if name in there}


def _write(path: Path, reserved: dict[int, str]) -> None:
    processes.replace(path, msgspec.json.encode(reserved))


def bindable(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # SO_REUSEADDR, as servers use it: a port whose last connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def choose(preferred: int, *, taken: Collection[int] = (), host: str = "127.0.0.1") -> int:
    """The first free port from `preferred` upwards that is not `taken`.

    Raises OSError when none is free below the ephemeral range.
    """
    return next(_candidates(preferred, taken, host))


def choose_many(count: int, preferred: int, *, taken: Collection[int] = (), host: str = "127.0.0.1") -> list[int]:
    """`count` different free ports from `preferred` upwards, none of them `taken`.

    Raises OSError when there are not that many below the ephemeral range.
    """
    candidates = _candidates(preferred, taken, host)
    return [next(candidates) for _ in range(count)]


def _candidates(preferred: int, taken: Collection[int], host: str) -> Iterator[int]:
    for port in range(preferred, HIGHEST + 1):
        if port not in taken and bindable(port, host):
            yield port
    raise OSError(f"no free port on {host} between {preferred} and {HIGHEST}")
