"""Permissions in MongoDB: none without credentials, the API reads, the projector writes the views; each attack as a
test.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import ConnectionFailure, OperationFailure

from meshwright.core.security import mongodb_users
from meshwright.core.security.mongodb_users import Credentials, InvalidCredentials
from meshwright.core.testing.mongo_users import user
from meshwright.core.testing.servers import MongoServer

pytestmark = pytest.mark.servers
Client = Any
Attack = Callable[["pymongo.MongoClient[dict[str, Any]]"], object]
MAKE_ROOT: Attack = lambda c: c.admin.command("createUser", "eve", pwd="eve", roles=["root"])  # noqa: E731
READS: dict[str, Attack] = {
    "read the views": lambda c: c.meshwright.operations_g1.find_one(),
    "read another database": lambda c: c.other.things.find_one(),
    "list databases": lambda c: c.admin.command("listDatabases", nameOnly=True),
    "list collections": lambda c: c.meshwright.list_collection_names(),
    "read the users": lambda c: c.admin.system.users.find_one(),
    "ask for the users": lambda c: c.admin.command("usersInfo", 1),
    "read the oplog": lambda c: c.local.oplog.rs.find_one(),
    "follow all changes": lambda c: c.watch().try_next(),
    "read the log": lambda c: c.admin.command("getLog", "global"),
    "see how it was started": lambda c: c.admin.command("getCmdLineOpts"),
    "see what others do": lambda c: c.admin.command("currentOp"),
}
WRITES: dict[str, Attack] = {
    "write a view": lambda c: c.meshwright.operations_g1.insert_one({"_id": "forged"}),
    "change a view": lambda c: c.meshwright.operations_g1.update_one({"_id": "kept"}, {"$set": {"n": 2}}),
    "delete a view": lambda c: c.meshwright.operations_g1.delete_many({}),
    "drop a view": lambda c: c.meshwright.operations_g1.drop(),
    "write by an aggregation": lambda c: c.meshwright.operations_g1.aggregate([{"$out": "copy"}]),
    "make an index": lambda c: c.meshwright.operations_g1.create_index("n"),
    "go another's generation": lambda c: c.meshwright.meta.update_one({"_id": "live"}, {"$set": {"generation": 9}}),
}
POWERS: dict[str, Attack] = {
    "drop the database": lambda c: c.drop_database("meshwright"),
    "write another database": lambda c: c.other.things.insert_one({"_id": 1}),
    "write another by an aggregation": lambda c: c.meshwright.operations_g1.aggregate(
        [{"$merge": {"into": {"db": "other", "coll": "things"}}}]
    ),
    "make itself root": MAKE_ROOT,
    "make a user of the views": lambda c: c.meshwright.command("createUser", "eve", pwd="eve", roles=["readWrite"]),
    "grant itself more": lambda c: c.admin.command("grantRolesToUser", "meshwright-api", roles=["root"]),
    "change a password": lambda c: c.admin.command("updateUser", "meshwright-projector", pwd="eve"),
    "shut it down": lambda c: c.admin.command("shutdown"),
    "set a parameter": lambda c: c.admin.command("setParameter", 1, enableLocalhostAuthBypass=True),
    "reconfigure the set": lambda c: c.admin.command("replSetReconfig", {"_id": "rs0", "version": 9, "members": []}),
    "initiate the set": lambda c: c.admin.command("replSetInitiate", {}),
    "write the oplog": lambda c: c.local.oplog.rs.insert_one({"_id": 1}),
}
READS_ELSEWHERE = {
    name: attack
    for name, attack in READS.items()
    if name not in ("read the views", "list collections", "list databases")
}
WHO: dict[str, dict[str, Attack]] = {
    "nobody": {**READS, **WRITES, **POWERS},
    "api": {**READS_ELSEWHERE, **WRITES, **POWERS},
    "projector": {**READS_ELSEWHERE, **POWERS},
}


def refused(attack: Attack, client: "pymongo.MongoClient[dict[str, Any]]") -> bool:
    """Whether the server says that this is not allowed."""
    try:
        attack(client)
    except OperationFailure as error:
        return error.code in (13, 8000)  # Unauthorized
    return False


@pytest.mark.parametrize("who", WHO)
def test_what_is_not_ones_own_is_refused(who: str, mongo_server: MongoServer, client: Client) -> None:
    """Each attack fails, and beside it the legitimate use works and finds nothing changed."""
    root = client(mongo_server.url)
    root.meshwright.operations_g1.replace_one({"_id": "kept"}, {"_id": "kept", "n": 1}, upsert=True)
    me = client(mongo_server.address, None if who == "nobody" else user("meshwright", who))  # type: ignore[arg-type]
    worked = [name for name, attack in WHO[who].items() if not refused(attack, me)]
    assert worked == []
    assert [row["n"] for row in root.meshwright.operations_g1.find()] == [1]
    assert "other" not in root.list_database_names()
    if who != "nobody":
        assert me.meshwright.operations_g1.find_one({"_id": "kept"}) == {"_id": "kept", "n": 1}
        assert me.list_database_names() == ["meshwright"]  # of those that it may read
    if who == "projector":
        me.meshwright.operations_g2.insert_one({"_id": "new"})
        me.meshwright.operations_g2.create_index("n")
        me.meshwright.operations_g2.drop()


def test_a_wrong_name_password_or_key_opens_nothing(mongo_server: MongoServer, client: Client) -> None:
    """Nor another component's password, nor the name that the members of a set use with another server's key."""
    own = user("meshwright", "projector")
    for wrong in (
        Credentials(own.username, "eve"),
        Credentials(own.username, user("meshwright", "api").password),
        Credentials("nobody", own.password),
        user("elsewhere", "projector"),
    ):
        with pytest.raises(OperationFailure, match="Authentication failed"):
            client(mongo_server.address, wrong).meshwright.operations_g1.find_one()
    direct = f"mongodb://127.0.0.1:{mongo_server.port}/?directConnection=true&authSource=local"
    with pytest.raises(OperationFailure, match="Authentication failed"):
        client(direct, Credentials("__system", "A" * 128)).admin.command("ping")


async def test_nobody_is_the_first_user_while_it_starts(client: Client) -> None:
    """A client that tries continuously, from before a fresh server listens until it is ready, gets no access."""
    server = MongoServer()
    stranger = client(f"mongodb://127.0.0.1:{server.port}/?directConnection=true&serverSelectionTimeoutMS=200")
    tries, over = 0, False

    def keep_trying() -> list[str]:
        nonlocal tries
        worked = []
        while not over:
            tries += 1
            try:
                MAKE_ROOT(stranger)
                worked.append("it became root")
            except (OperationFailure, ConnectionFailure):
                pass
        return worked

    trying = asyncio.create_task(asyncio.to_thread(keep_trying))
    try:
        async with server:
            users = client(server.url).admin.command("usersInfo", 1)["users"]
            assert {one["user"] for one in users} == {
                "tester", "meshwright-projector", "meshwright-api",
            }  # fmt: skip
    finally:
        over = True
        assert await trying == []
    assert tries, "it has tried"


async def test_a_folder_from_before_there_were_users_gets_them(open_server: Any, client: Client) -> None:
    """Its data is there, for those who may; a second start changes nothing."""
    client(open_server.address).meshwright.operations_g1.insert_one({"_id": "old"})
    open_server.shut = True
    for _ in range(2):
        await open_server.restart()
        api = client(open_server.address, user("meshwright", "api"))
        assert api.meshwright.operations_g1.find_one() == {"_id": "old"}
        with pytest.raises(OperationFailure, match="requires authentication"):
            client(open_server.address).meshwright.operations_g1.find_one()


@pytest.mark.parametrize("text", ["", "name", "name:", ":word", "name:word\nmore:words"])
def test_a_file_that_holds_no_user_is_refused(tmp_path: Path, text: str) -> None:
    """With words that do not repeat what stands in it."""
    path = tmp_path / "user"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(InvalidCredentials, match="must hold one line") as told:
        mongodb_users.read(path)
    assert "word" not in str(told.value).replace("password", "")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """The error has the command that fixes it; files that Meshwright creates are readable by their owner only."""
    path = tmp_path / "user"
    path.write_text("name:word")
    path.chmod(0o640)
    with pytest.raises(InvalidCredentials, match="chmod 600"):
        mongodb_users.read(path)
    made = mongodb_users.Secrets(tmp_path / "made")
    made.make()
    for file in (made.key_file, made.credentials_file("api"), made.credentials_file("projector")):
        assert file.stat().st_mode & 0o777 == 0o600
    first = mongodb_users.read(made.credentials_file("api"))
    made.make()
    assert mongodb_users.read(made.credentials_file("api")) == first
    assert len(first.password) >= 43
