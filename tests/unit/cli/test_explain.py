"""`meshwright explain`: fields from the schemas, without a server."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.schemas.intents import INTENT_TYPES, intent_kind
from meshwright.ui_api.cli import suggestions
from meshwright.ui_api.cli.contract import topics

Server = Any
Terminal = Any


def test_a_field_is_explained_with_type_bounds_and_example(server: Server, terminal: Terminal) -> None:
    """And nothing is asked of a server."""
    shown = terminal.run("explain", "traffic-split.backends.weight").stdout
    assert "traffic-split.backends.weight  whole number" in shown
    assert "required, 0 to 100" in shown
    assert "percent of the requests" in shown
    assert "example\n  100" in shown
    assert server.calls == []


def test_an_intent_is_explained_with_its_fields_rules_and_example(terminal: Terminal) -> None:
    """Required fields have a star; rules between fields are said; the example can be pasted into a design."""
    shown = terminal.run("explain", "header-route.header").stdout
    assert "name *" in shown
    assert "exactly one of exact, prefix, regex" in shown
    whole = terminal.run("explain", "traffic-split").stdout
    assert "weights add up to 100" in whole
    assert "1 to 20 items" in whole
    example = yaml.safe_load(whole.partition("example\n")[2])
    assert example["backends"] == [{"version": "v1", "weight": 100}]


def test_everything_is_listed(terminal: Terminal) -> None:
    """Every intent, every resource, every operation, with what it means."""
    shown = terminal.run("explain").stdout
    for kind in INTENT_TYPES:
        assert f"\n{intent_kind(kind)} " in shown
    for name in ("design", "connection", "kubernetes", "workload", "proxy", "mesh.install", "workloads.enrol"):
        assert f"\n{name} " in shown


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("traffic-split.routes.percent", ("traffic-split has no field routes", "There are: intent, service, backends")),
        ("traffic-split.backend", ("no field backend", "Did you mean backends?")),
        ("trafic-split", ("nothing to explain called trafic-split", "Did you mean traffic-split?")),
        ("design.intents.retries", ("has no kind retries", "Did you mean retry")),
        ("connection.labels.env.deep", ("connection.labels.env has no field deep", "Nothing is known")),
        ("zzz", ("nothing to explain called zzz", "lists everything")),
        ("mesh.instal", ("mesh has no field instal", "Did you mean install")),
    ],
)
def test_an_unknown_path_is_refused_with_what_is_near(terminal: Terminal, path: str, words: tuple[str, ...]) -> None:
    """Code 2, the part that is wrong, and what could be meant."""
    result = terminal.run("explain", path, expect=2)
    for word in words:
        assert word in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    "path", ["design.intents.traffic-split.backends.weight", "designs.intents[].traffic_split.backends[].weight"]
)
def test_lists_are_stepped_into_and_kinds_chosen_by_tag(terminal: Terminal, path: str) -> None:
    """Plurals, underscores and brackets make no difference."""
    assert "0 to 100" in terminal.run("explain", path).stdout


def test_for_programs_it_is_a_json_schema(terminal: Terminal) -> None:
    """Complete, without references, with an example."""
    document = json.loads(terminal.run("explain", "retry", "-o", "json").stdout)
    assert document["schema"]["properties"]["attempts"] == {
        "description": "the number of retries, beyond the first try",
        "examples": [2],
        "type": "integer",
        "minimum": 1,
        "maximum": 10,
    }
    assert document["example"]["intent"] == "retry"
    assert "$ref" not in json.dumps(json.loads(terminal.run("explain", "design", "-o", "json").stdout))


def test_all_fields_below_are_shown_on_request(terminal: Terminal) -> None:
    """Indented by depth."""
    shown = terminal.run("explain", "circuit-breaker", "--recursive").stdout
    assert "outlier_detection" in shown
    assert "  ejection_time" in shown


@pytest.mark.parametrize("name", topics.topics())
def test_every_field_of_the_contract_can_be_explained(terminal: Terminal, name: str) -> None:
    """No type of the contract is unknown to the renderer."""
    assert name in terminal.run("explain", name, "--recursive").stdout


@given(st.text(min_size=1), st.lists(st.text(min_size=1), max_size=30))
def test_only_known_words_are_suggested(word: str, known: list[str]) -> None:
    """And a known word is suggested first."""
    nearest = suggestions.near(word, known)
    assert set(nearest) <= set(known)
    if word in known and word == word.lower() and "_" not in word:
        assert word in nearest


def test_where_nothing_is_near_everything_is_named() -> None:
    """As many as a line holds."""
    assert suggestions.did_you_mean("percentage", ["percent", "service"]) == "Did you mean percent?"
    assert suggestions.did_you_mean("qqq", ["a1", "b2"]) == "There are: a1, b2."
    assert suggestions.did_you_mean("qqq", []) == ""
    assert "and 8 more" in suggestions.did_you_mean("qqq", [f"word-{number}" for number in range(20)])


def test_an_empty_text_among_values_is_shown(terminal: Terminal) -> None:
    """As a word, where nothing would be read as a slip."""
    assert "(empty) | gateway | sidecar" in terminal.run("explain", "proxy").stdout
