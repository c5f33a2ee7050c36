"""The users of a test's mongod: the projector and the API have their own users, the test itself has all rights.

Problem: permissions that no test runs with are wrong. Invariant: a process that is started by its console command gets
the credentials of its own component for its own database and no others.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path

from meshwright.core.security import secret_files
from meshwright.core.security.addresses import without_user
from meshwright.core.security.mongodb_users import ROLES, Component, Credentials
from meshwright.core.store import StoreUnavailable, provisioning

TESTER = Credentials("tester", "tester")
_COMPONENTS: dict[str, Component] = {"meshwright-projector": "projector", "meshwright-api": "api"}


def user(database: str, component: Component) -> Credentials:
    """The user of a component in a database, the same in every test: a test's server listens on loopback only."""
    name = f"{database}-{component}"
    return Credentials(name, hashlib.sha256(f"test {name}".encode()).hexdigest())


def grant(url: str, database: str) -> None:
    """Create the users of a database, if the server answers; blocks for some milliseconds."""
    with contextlib.suppress(StoreUnavailable):
        provisioning.grant(url, database, {one: user(database, one) for one in ROLES})


def settings(program: str, folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The settings of a process besides `given`, in lower case: its own credentials, unless they are given."""
    component, url = _COMPONENTS.get(program), given.get("mongodb_url", "")
    if "mongodb_credentials_file" in given or f"{TESTER.line}@" not in url:
        return {}
    if component is None:
        return {"mongodb_url": without_user(url)}
    database = given["mongodb_database"]
    grant(url, database)
    own = user(database, component)
    file = folder / f"mongodb-{own.username}"
    secret_files.read_or_make(file, lambda: own.line)
    return {"mongodb_url": without_user(url), "mongodb_credentials_file": str(file)}
