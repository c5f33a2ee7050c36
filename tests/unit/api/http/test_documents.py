"""The API's description of itself: the words of OpenAPI 3.1, made from what routes declare, true of this server."""

import html.parser
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.ui_api.http.documents import openapi, pages
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
    assert "http://127.0.0.1" not in page


BODIES = [
    pytest.param(operation["requestBody"]["content"], id=operation["operationId"])
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
    if "requestBody" in operation
]


@pytest.mark.parametrize("content", BODIES)
def test_every_body_has_an_example_that_its_schema_allows(content: Any) -> None:
    """The example of each operation can be sent: every required field, and no value out of bounds."""
    for each in content.values():
        whole = {**each["schema"], "components": DOCUMENT["components"]}
        jsonschema.validate(each["example"], whole, cls=jsonschema.Draft202012Validator)


class Reader(html.parser.HTMLParser):
    """What a page holds: ids, links, elements, texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, bool] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if name := attributes.get("id"):
            self.ids.append(name)
            self.inside[name] = "details" in self._open
        if tag == "a":
            self.links.append(attributes["href"] or "")
        if tag not in ("meta", "link", "input", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it, and nothing else."""
        assert self._open.pop() == tag


PAGE = pages.Page(DOCUMENT).at("http://mesh.test")


def test_every_anchor_leads_somewhere_and_opens_it() -> None:
    """Each link within the page has its target, once; those of operations and schemas stand inside what is opened."""
    read = Reader(PAGE)
    assert len(read.ids) == len(set(read.ids))
    assert {link[1:] for link in read.links if link.startswith("#")} <= set(read.ids)
    named = [route.operation_id for route in ALL] + list(DOCUMENT["components"]["schemas"])
    assert all(read.inside[name] for name in named)


def test_the_pages_hold_no_script_or_style_of_their_own() -> None:
    """A policy without inline code lets everything work; all links are relative, so they hold below any path."""
    for page in (PAGE, pages.problems(), pages.problem(PROBLEM_TYPES["stale"])):
        read = Reader(page)
        for tag, attributes in read.elements:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert tag != "style"
            source = attributes.get("src") or attributes.get("href") or ""
            assert not source.startswith(("/", "http", "javascript:"))
        assert re.search(r"<script[^>]*>[^<]", page) is None


def test_every_operation_is_shown_with_its_body_and_examples() -> None:
    """Fields of the body by name, an example that can be sent, and one of the answer."""
    part = PAGE.partition('id="putDesign"')[2].partition("</details>")[0]
    for words in (
        "If-Match",
        "self_heal",
        "default false",
        "example of 200",
        "&quot;intent&quot;: &quot;timeout&quot;",
    ):
        assert words in part
    assert "-d &#x27;{" in part
    assert PAGE.count("<h4>example</h4>") == len(BODIES)


def test_everything_from_a_document_is_escaped() -> None:
    """Markup in a description or a name is text."""
    hostile = "<script>alert(1)</script>\"'"
    operation = {
        "operationId": "x",
        "tags": [hostile],
        "summary": hostile,
        "description": hostile,
        "parameters": [{"name": hostile, "in": "query", "schema": {"type": hostile, "enum": [hostile]}}],
        "requestBody": {"required": True, "content": {hostile: {"schema": {"type": "string"}, "example": hostile}}},
        "responses": {"200": {"description": hostile}},
    }
    document = {
        "info": {"title": hostile, "version": "1", "description": hostile},
        "paths": {f"/{hostile}": {"post": operation}},
        "components": {"schemas": {"A": {"description": hostile, "properties": {hostile: {"description": hostile}}}}},
    }
    page = pages.Page(document).at(f"http://{hostile}")
    assert "<script>" not in page
    assert [tag for tag, attributes in Reader(page).elements if tag == "script"] == ["script"]


async def test_the_files_of_the_page_are_served(harness: Harness) -> None:
    """Its style and its script, each with its type, under the policy that allows them."""
    for name, kind in pages.FILES.items():
        answer = await harness.admin.ask("GET", f"/docs/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.text == pages.file(name)
    assert "script-src 'self'" in (await harness.admin.ask("GET", "/docs")).headers["content-security-policy"]
