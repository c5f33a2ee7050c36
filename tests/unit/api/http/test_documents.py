"""The API's description of itself: the words of OpenAPI 3.1, made from what routes declare, true of this server."""

import re
from pathlib import Path
from typing import Any

from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.routes import ALL

Harness = Any
DOCUMENT = openapi.document(ALL, "test")
OF_3_2 = {"itemSchema", "itemEncoding", "prefixEncoding", "query", "additionalOperations"}
"""keywords of OpenAPI 3.2 that 3.1 does not know"""


def test_the_document_speaks_the_version_that_it_names() -> None:
    """No keyword of a later OpenAPI stands in a media type or path; a stream's events are described all the same."""
    assert DOCUMENT["openapi"].startswith("3.1")
    for path in DOCUMENT["paths"].values():
        assert not OF_3_2 & set(path)
        for operation in path.values():
            for response in operation["responses"].values():
                assert not [one for one in response.get("content", {}).values() if OF_3_2 & set(one)]
    content = DOCUMENT["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]
    assert content["text/event-stream"]["schema"]["x-event-data"] == {"$ref": "#/components/schemas/Event"}


def test_no_route_is_known_by_its_name() -> None:
    """What is special about a route is data on the route, so that a second one of its kind is described as well."""
    text = Path(openapi.__file__).read_text()
    assert not [route.operation_id for route in ALL if f'"{route.operation_id}"' in text]
    assert not re.search(r"operation_id\.|operation_id ==", text)


async def test_the_pages_show_the_address_where_they_are_served(harness: Harness) -> None:
    """The curl line of each operation works as it stands: it names the host and port that the reader asked."""
    page = (await harness.admin.ask("GET", "/docs", Host="mesh.test:4711")).text
    assert "http://mesh.test:4711/v1/meshes<" in page
    assert "127.0.0.1" not in page
