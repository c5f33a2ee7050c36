"""Every test's fixtures come from the kit that third-party adapters use too."""

from collections.abc import Iterator

import pytest

from meshwright.core.testing.running import Stack, running
from meshwright.core.testing.servers import MongoServer

pytest_plugins = ["meshwright.core.testing.fixtures"]


@pytest.fixture
def alone(mongo_server: MongoServer) -> Iterator[Stack]:
    """A stack of the test's own, in which it may kill everything but mongod; nothing is started yet."""
    with running(mongo_server) as stack:
        yield stack
