"""Structural schemas without a cluster: what is refused, where, and in which words."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.kit import structural
from rig.inputs import gadgets
from rig.istio import schemas

GADGET = structural.definition(gadgets.DEFINITION)
SECRET = "hunter2-hunter2"


def problems(spec: Any, **more: Any) -> dict[str, str]:
    """What is wrong with a gadget, by pointer."""
    return {each.pointer: each.detail for each in structural.check(gadgets.gadget(spec, **more), GADGET)}


def without(name: str) -> dict[str, Any]:
    """The sound specification without one field."""
    return {key: value for key, value in gadgets.SOUND.items() if key != name}


def test_a_sound_resource_has_no_problems() -> None:
    """With nulls that may be, defaults that fill in, and fields of its own where any are allowed; it is not changed."""
    body = gadgets.gadget(gadgets.SOUND)
    before = copy.deepcopy(body)
    assert structural.check(body, GADGET) == []
    assert body == before


@pytest.mark.parametrize(
    ("name", "value", "pointer", "detail"),
    [
        ("hosts", "a", "#/spec/hosts", "must be of type array, not string"),
        ("hosts", [], "#/spec/hosts", "must have at least 1 items"),
        ("hosts", ["a", 1], "#/spec/hosts/1", "must be of type string, not integer"),
        ("hosts", list("abcd"), "#/spec/hosts", "must have at most 3 items"),
        ("mode", "strict", "#/spec/mode", "must be one of STRICT, PERMISSIVE"),
        ("port", 1.5, "#/spec/port", "must be an integer or a string, not number"),
        ("either", True, "#/spec/either", "must be an integer or a string, not boolean"),
        ("share", 1, "#/spec/share", "must be less than 1"),
        ("share", -1, "#/spec/share", "must be at least 0"),
        ("step", 7, "#/spec/step", "must be a multiple of 5"),
        ("name", "ABC", "#/spec/name", "must match the pattern ^[a-z]+$"),
        ("name", "abcdef", "#/spec/name", "must have at most 5 characters"),
        ("since", "yesterday", "#/spec/since", "must be a date-time"),
        ("address", "10.0.0.256", "#/spec/address", "must be a ipv4"),
        ("labels", {"a/b": 1}, "#/spec/labels/a~1b", "must be of type string, not integer"),
        ("labels", {"a": "", "b": "", "c": ""}, "#/spec/labels", "must have at most 2 fields"),
        ("tags", ["x", "y", "x"], "#/spec/tags/2", "repeats item 0"),
        ("ports", [{"name": "a"}, {"name": "a"}], "#/spec/ports/1", "repeats the name of item 0"),
        ("ports", [{"number": 1}], "#/spec/ports/0", "needs name"),
        ("ports", [{"name": "a", "numbre": 1}], "#/spec/ports/0/numbre", "is no field of its kind"),
        ("template", {"kind": "X"}, "#/spec/template", "is a whole resource, and needs apiVersion"),
        ("match", {"prefix": "", "exact": ""}, "#/spec/match", "may have only one of prefix, exact"),
        ("limits", {}, "#/spec/limits", "needs one of cpu, memory"),
        ("limits", {"cpu": 1, "gpu": 1}, "#/spec/limits", "must not have cpu together with gpu"),
        ("unheard", {"of": 1}, "#/spec/unheard", "is no field of its kind"),
    ],
)
def test_a_problem_has_its_place_and_its_reason(name: str, value: Any, pointer: str, detail: str) -> None:
    """One mistake, one problem, at the value that is wrong."""
    assert problems({**gadgets.SOUND, name: value}) == {pointer: detail}


def test_what_is_required_is_named() -> None:
    """In the specification and in the resource itself."""
    assert problems(without("hosts")) == {"#/spec": "needs hosts"}
    body = {"apiVersion": f"{gadgets.GROUP}/v1", "kind": gadgets.KIND, "metadata": {"name": "x"}}
    assert [each.detail for each in structural.check(body, GADGET)] == ["needs spec"]


def test_a_version_that_is_not_served_is_refused() -> None:
    """The ones that are served are named."""
    body = {**gadgets.gadget({}), "apiVersion": f"{gadgets.GROUP}/v0"}
    (problem,) = structural.check(body, GADGET)
    assert (problem.pointer, problem.detail) == ("#/apiVersion", "version v0 of Gadget is not served; there are: v1")


def test_a_status_of_its_own_is_not_judged() -> None:
    """Servers leave it out of what is sent."""
    assert problems(gadgets.SOUND, status={"ready": "perhaps"}) == {}


def test_no_value_is_repeated() -> None:
    """What people wrote may be a credential."""
    for name in gadgets.SOUND:
        for value in (SECRET, [SECRET], {"unheard": SECRET}):
            assert SECRET not in str(problems({**gadgets.SOUND, name: value}))


def test_metadata_is_judged_in_every_resource() -> None:
    """Definitions leave it out, and servers check it all the same."""
    body = {**gadgets.gadget(gadgets.SOUND), "metadata": {"name": "x", "labels": {"a": 1}, "lables": {}}}
    assert {each.pointer: each.detail for each in structural.check(body, GADGET)} == {
        "#/metadata/labels/a": "must be of type string, not integer",
        "#/metadata/lables": "is no field of its kind",
    }


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "object", "properties": []}, "properties"),
        ({"properties": {"a": {"pattern": "("}}}, "missing"),
        ({"required": "name"}, "required"),
        ({"items": [{}]}, "items"),
        ({"maxLength": "3"}, "maxLength"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused_when_it_is_read(schema: Any, word: str) -> None:
    """So no resource is ever checked against it."""
    body = copy.deepcopy(gadgets.DEFINITION)
    body["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
    with pytest.raises(structural.InvalidDefinition, match=word):
        structural.definition(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*gadgets.SOUND, "name", "kind", "prefix", "cpu", "a"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_resource_breaks_the_check(spec: Any) -> None:
    """Whatever stands there, the check ends, says the same again, and points into the resource or beside it."""
    first = structural.check(gadgets.gadget(spec), GADGET)
    assert structural.check(gadgets.gadget(spec), GADGET) == first
    assert all(each.pointer.startswith("#") for each in first)


@given(st.sampled_from([each for _, each in gadgets.variations()]))
def test_the_place_of_a_problem_is_what_has_to_be_mended(spec: dict[str, Any]) -> None:
    """With the sound value of each field that a problem names, nothing is left."""
    named = {
        each.pointer.split("/")[2]
        for each in structural.check(gadgets.gadget(spec), GADGET)
        if each.pointer != "#/spec"
    }
    mended = {**spec, **{key: gadgets.SOUND[key] for key in named if key in gadgets.SOUND}, "hosts": ["a"]}
    kept = {key: value for key, value in mended.items() if key in gadgets.SOUND}
    assert problems(kept) == {}


@pytest.mark.parametrize(
    "folder", ["istio", "gateway-api-standard", "gateway-api-experimental", "linkerd", "consul", "kuma"]
)
def test_the_definitions_of_real_meshes_are_read(folder: str) -> None:
    """All of their kinds, with every keyword that they use."""
    definitions = [structural.definition(each) for each in schemas.documents(folder)]
    assert definitions
    assert all(each.served for each in definitions)
    for each in definitions:
        for version in each.served:
            body = {
                "apiVersion": f"{each.group}/{version}",
                "kind": each.kind,
                "metadata": {"name": "x"},
                "surprise": 1,
            }
            assert any(one.pointer == "#/surprise" for one in structural.check(body, each))


@pytest.mark.parametrize(
    ("kind", "spec", "pointer", "words"),
    [
        ("VirtualService", {"http": [{"match": [{"uri": {"prefix": "/", "exact": "/"}}]}]},
         "#/spec/http/0/match/0/uri", "only one of exact, prefix"),
        ("VirtualService", {"http": [{"route": [{"destination": {"host": "a", "port": {"number": "80"}}}]}]},
         "#/spec/http/0/route/0/destination/port/number", "type integer"),
        ("VirtualService", {"http": [{"rewrit": {}}]}, "#/spec/http/0/rewrit", "no field"),
        ("DestinationRule", {"host": "a", "trafficPolicy": {"loadBalancer": {
            "simple": "RANDOM", "consistentHash": {}}}},
         "#/spec/trafficPolicy/loadBalancer", "only one of simple, consistentHash"),
        ("DestinationRule", {"subsets": []}, "#/spec", "needs host"),
        ("Gateway", {"servers": [{"hosts": ["*"], "port": {"number": 80, "name": "http"}}]},
         "#/spec/servers/0/port", "needs protocol"),
    ],
)  # fmt: skip
def test_mistakes_in_istio_resources_are_placed(kind: str, spec: Any, pointer: str, words: str) -> None:
    """By Istio's own definitions, alternatives of messages among them."""
    definition = schemas.definitions().get("networking.istio.io", kind)
    assert definition
    body = {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    details = {each.pointer: each.detail for each in structural.check(body, definition)}
    assert words in details[pointer], details
