"""Which designs act on a service: by its name and its namespace, or on all."""

import pytest

from meshwright.core import store
from meshwright.core.store import paging
from meshwright.core.testing.fixtures import MongoDatabase

pytestmark = pytest.mark.servers
DESIGNS = {
    "short-in-shop": {"namespace": "shop", "intents": [{"service": "pay"}]},
    "long": {"namespace": "", "intents": [{"service": "other"}, {"service": "shop/pay"}]},
    "elsewhere": {"namespace": "test", "intents": [{"service": "pay"}]},
    "elsewhere-long": {"namespace": "shop", "intents": [{"service": "test/pay"}]},
    "no-namespaces": {"namespace": "", "intents": [{"service": "pay"}]},
    "asks": {"namespace": "shop", "intents": [{"source": "pay", "service": "db"}]},
    "everybody": {"namespace": "", "intents": [{"intent": "deny-all", "service": None}]},
    "another": {"namespace": "shop", "intents": [{"service": "payments"}]},
    "nothing": {"namespace": "shop", "intents": []},
}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("shop/pay", {"short-in-shop", "long", "no-namespaces", "asks", "everybody"}),
        ("test/pay", {"elsewhere", "elsewhere-long", "no-namespaces", "everybody"}),
        ("pay", {"short-in-shop", "long", "elsewhere", "elsewhere-long", "no-namespaces", "asks", "everybody"}),
        ("shop/db", {"asks", "everybody"}),
    ],
)
async def test_designs_that_act_on_a_service(mongo_database: MongoDatabase, service: str, expected: set[str]) -> None:
    """A short name in a design is in the design's namespace; a short name that is asked for is in any."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=20) as database:
        collection = database.collection("designs_g1")
        await collection.insert_many([{"_id": name, "design": design} for name, design in DESIGNS.items()])
        rows = await collection.find(paging.acting_on(service, "design")).to_list(None)
    assert {row["_id"] for row in rows} == expected
