"""One API process with short time-outs, for attacks on its door that leave it as it was."""

from collections.abc import Iterator

import pytest

from meshwright.core.testing.servers import MongoServer
from rig.stack.stack import Stack, running


@pytest.fixture(scope="session")
def guarded(mongo_server: MongoServer) -> Iterator[Stack]:
    """An API that waits one second for a head; nothing else runs."""
    with running(mongo_server) as stack:
        stack.start_api(api_head_seconds="1", api_idle_seconds="2")
        yield stack
