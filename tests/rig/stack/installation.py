"""Where one Meshwright of a test lies, and what each of its processes is told.

Problem: a stack is started inside a test's loop or, shared by many tests, outside of any; both are one Meshwright.
Invariant: a process is told everything by its environment, and holds the credentials of its own component alone.
"""

import os
import random
from pathlib import Path

from meshwright.core.machine import ports
from meshwright.core.testing import identities, mongo_users
from meshwright.core.testing.servers import MongoServer, NatsServer

TOKEN = "t" * 43
"""The admin token of a stack for tests."""
EXAMPLES = Path("tests/example").resolve()
"""where the example adapter lies, seen from the top of the checkout"""


class Installation:
    """Its servers, its database, its folder, and the port of its API."""

    def __init__(self, nats: NatsServer, mongo: MongoServer, folder: Path, database: str = "") -> None:
        self.nats = nats
        self.mongo = mongo
        self.folder = folder
        # Test processes that run side by side look in different places first.
        self.port = ports.choose(random.randrange(12_000, 30_000))
        self.database = database or f"stack_{self.port}"
        (folder / "token").write_text(TOKEN)

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}"

    def log(self, name: str) -> Path:
        """What a process says."""
        return self.folder / f"{name}.log"

    def environment(self, program: str, *arguments: str, **settings: str) -> dict[str, str]:
        """What that program is told; `settings` are MESHWRIGHT_* variables in lower case."""
        told = {
            "nats_url": self.nats.url,
            "mongodb_url": self.mongo.url,
            "mongodb_database": self.database,
            "data_dir": str(self.folder / "data"),
            "api_port": str(self.port),
            "admin_token_file": str(self.folder / "token"),
            "secret_key_file": str(self.folder / "secret-keys"),
            "webhook_allow": "127.0.0.0/8",
            **settings,
        }
        told |= mongo_users.settings(program, self.folder, told)
        told |= identities.settings(program, arguments, self.folder, told)
        return {**os.environ, **{f"MESHWRIGHT_{key.upper()}": value for key, value in told.items()}}
