"""What the contract publishes. Invariant: the committed files say what the Structs say, and hold together."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from meshwright.schemas import catalog, operations, subjects
from meshwright.schemas.documents import asyncapi, generate, openapi
from meshwright.schemas.documents import jsonschema as published


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: Any, reference: str) -> Any:
    """What a local reference points at; KeyError when nothing."""
    assert reference.startswith("#/")
    for token in reference[2:].split("/"):
        document = document[token]
    return document


def patterns(node: Any) -> Iterator[str]:
    """Every `pattern` below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for value in node.values():
            yield from patterns(value)
    elif isinstance(node, list):
        for value in node:
            yield from patterns(value)


def test_the_committed_files_are_not_stale() -> None:
    """The schemas in the repository are those of the contract (else: `make schemas`)."""
    assert generate.stale(generate.ROOT) == []


def test_check_names_every_stale_file_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` fails for an outdated, a missing and a left-over file; writing repairs all three."""
    root = str(tmp_path)
    assert generate.main(["--root", root]) == 0
    assert generate.main(["--root", root, "--check"]) == 0
    (tmp_path / "json/mesh.schema.json").write_text("{}")
    (tmp_path / "json/workload.schema.json").unlink()
    (tmp_path / "json/gone.schema.json").write_text("{}")
    assert generate.main(["--root", root, "--check"]) == 1
    result = ["json/gone.schema.json", "json/mesh.schema.json", "json/workload.schema.json"]
    assert generate.stale(tmp_path) == result
    told = capsys.readouterr().err
    assert [name for name in result if name not in told] == []
    assert generate.main(["--root", root]) == 0
    assert generate.stale(tmp_path) == []


@pytest.mark.parametrize("name", sorted(generate.files()))
def test_a_schema_is_valid_and_whole(name: str) -> None:
    """Every schema is JSON Schema 2020-12, describes itself, and refers to nothing outside itself."""
    document = yaml.safe_load(generate.files()[name])
    for reference in references(document):
        resolve(document, reference)
    assert not [pattern for pattern in patterns(document) if "\\Z" in pattern]
    if name.startswith("json/"):
        jsonschema.Draft202012Validator.check_schema(document)
        assert document["$id"] == published.identity(name[len("json/") : -len(".schema.json")])
        assert document["title"]
        assert document["description"]


def test_every_operation_has_a_schema_of_its_arguments() -> None:
    """A client can check arguments before it sends them."""
    names = {f"json/{kind.kind.name}.v{kind.kind.version}.schema.json" for kind in operations.OPERATION_TYPES}
    assert names <= generate.files().keys()


def test_the_yaml_is_the_document() -> None:
    """The AsyncAPI file says exactly what `/asyncapi.json` says."""
    assert yaml.safe_load(generate.files()["asyncapi.yaml"]) == asyncapi.document()


def test_every_message_stands_in_a_channel() -> None:
    """Every message of the catalog is in a channel of the AsyncAPI document."""
    channels = asyncapi.document()["channels"].values()
    told = {name for channel in channels for name in channel["messages"]}
    assert told == set(catalog.BY_NAME)


def test_channels_are_the_subject_table() -> None:
    """Each address of the table is a channel with its stream, and each of its parameters is explained."""
    channels = asyncapi.document()["channels"]
    assert [(c["address"], c["x-stream"]) for c in channels.values()] == [
        (channel.address, channel.stream) for channel in subjects.CHANNELS
    ]
    for channel in channels.values():
        names = set(re.findall(r"\{([a-z]+)\}", channel["address"]))
        assert names == set(channel["parameters"])
        assert all(parameter["description"] for parameter in channel["parameters"].values())


def test_operations_speak_of_messages_of_their_channel() -> None:
    """An operation refers to a root channel and to messages listed there, as the specification asks."""
    document = asyncapi.document()
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = operation["channel"]["$ref"]
        assert resolve(document, channel) in document["channels"].values()
        assert operation["messages"]
        assert all(m["$ref"].startswith(f"{channel}/messages/") for m in operation["messages"])


def test_openapi_components_hold_together() -> None:
    """OpenAPI gets every resource and every operation's arguments, with each reference resolved."""
    schemas = openapi.components()
    document = {"components": {"schemas": schemas}}
    assert {kind.__name__ for kind in openapi.TYPES} <= schemas.keys()
    for reference in references(document):
        resolve(document, reference)
    mapping = schemas["Design"]["properties"]["intents"]["items"]["discriminator"]["mapping"]
    assert mapping["traffic-split"] == "#/components/schemas/TrafficSplit"
    assert not [pattern for pattern in patterns(document) if "\\Z" in pattern]


def test_the_subject_of_an_event_begins_with_a_plural() -> None:
    """CloudEvents' `subject` names the collection as people write it, for every entity."""
    irregular = {"mesh": "meshes", "proxy": "proxies", "delivery": "deliveries"}
    for kind in catalog.MESSAGE_TYPES:
        entity = kind.wire.entity
        assert kind.wire.collection == irregular.get(entity, f"{entity}s")
