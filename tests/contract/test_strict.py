"""The door where people write. Invariant: nothing unknown passes and every complaint names its place."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from meshwright.schemas import connections, designs, strict, workloads
from meshwright.schemas.documents import jsonschema as published

DESIGN = jsonschema.Draft202012Validator(published.schema(designs.Design))
INT64 = 2**63
words = st.text(max_size=20)
keys = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
free = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INT64, INT64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)


def texts(kind: inspect.StrType) -> st.SearchStrategy[Any]:
    return st.from_regex(kind.pattern, fullmatch=True) if kind.pattern else words


def structs(kind: inspect.StructType) -> st.SearchStrategy[Any]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    if kind.tag_field is not None:
        required[kind.tag_field] = st.just(kind.tag)
    for field in kind.fields:
        (required if field.required else optional)[field.encode_name] = values(field.type)
    return st.fixed_dictionaries(required, optional=optional)


MAKERS: dict[type[inspect.Type], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.AnyType: lambda kind: free,
    inspect.NoneType: lambda kind: st.none(),
    inspect.BoolType: lambda kind: st.booleans(),
    inspect.StrType: texts,
    inspect.IntType: lambda kind: st.integers(kind.ge or 0, kind.le or INT64 - 1),
    inspect.FloatType: lambda kind: st.floats(kind.ge, kind.le, allow_nan=False),
    inspect.LiteralType: lambda kind: st.sampled_from(kind.values),
    inspect.ListType: lambda kind: st.lists(values(kind.item_type), min_size=kind.min_length or 0, max_size=3),
    inspect.DictType: lambda kind: st.dictionaries(keys, values(kind.value_type), max_size=3),
    inspect.UnionType: lambda kind: st.one_of([values(option) for option in kind.types]),
    inspect.StructType: structs,
    inspect.Metadata: lambda kind: values(kind.type),
}


def values(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Anything, as plain JSON data, that this type of the contract accepts."""
    return MAKERS[type(kind)](kind)


any_design = values(inspect.type_info(designs.Design))
property_test = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def places(value: Any, tokens: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a decoded document the objects of the contract stand."""
    if isinstance(value, msgspec.Struct):
        yield tokens
        for field in msgspec.structs.fields(value):
            yield from places(getattr(value, field.name), (*tokens, field.encode_name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*tokens, index))


def plant(raw: Any, tokens: tuple[str | int, ...], key: str) -> Any:
    """A copy of `raw` with one more key in the object at that place, or None where `raw` left it out."""
    planted = target = copy.deepcopy(raw)
    for token in tokens:
        if isinstance(target, dict) and token not in target:
            return None
        target = target[token]
    if key in target:
        return None
    target[key] = 1
    return planted


def complaints(raw: Any, kind: type[Any] = designs.Design) -> list[tuple[str, str]]:
    with pytest.raises(strict.InvalidDocument) as caught:
        strict.decode(raw, kind)
    return [(error.pointer, error.detail) for error in caught.value.errors]


@property_test
@given(any_design)
def test_any_valid_design_survives(raw: Any) -> None:
    """An allowed design fits its schema, is accepted, and reads the same after a round trip."""
    DESIGN.validate(raw)
    design = strict.decode(raw, designs.Design)
    again = msgspec.json.decode(msgspec.json.encode(design))
    assert strict.decode(again, designs.Design) == design


@property_test
@given(any_design, st.data(), keys)
def test_an_unknown_key_anywhere_is_refused_where_it_stands(raw: Any, data: st.DataObject, key: str) -> None:
    """However deep a misspelt field hides, the refusal points at it and at nothing else."""
    design = strict.decode(raw, designs.Design)
    tokens = data.draw(st.sampled_from(list(places(design))))
    name = f"{key}?"  # no field of the contract has a question mark
    planted = plant(raw, tokens, name)
    if planted is None:
        return
    pointer = "/".join(["#", *(strict.escape(str(token)) for token in (*tokens, name))])
    [(place, detail)] = complaints(planted)
    assert place == pointer
    assert detail.startswith(f"unknown field {name!r}")


def test_every_unknown_key_is_reported_at_once() -> None:
    """All misspelt fields are reported in one response."""
    raw = {"id": "a", "intent": [], "workloads": [{"name": "a", "service": "a", "port": 1, "prt": 2}]}
    assert [pointer for pointer, _ in complaints(raw)] == ["#/intent", "#/workloads/0/prt"]


def test_every_problem_is_reported_at_once() -> None:
    """Unknown and missing fields, wrong values, bounds, kinds and rules between fields, each where it stands."""
    raw = {
        "id": "Upper",
        "self_heel": True,
        "workloads": [{"name": "a", "service": "a", "port": 0}, {"service": "b", "port": "x"}],
        "intents": [
            {"intent": "mirror", "service": "reviews", "percentage": 10},
            {"intent": "trafic-split", "service": "reviews"},
            {"intent": "traffic-split", "service": "reviews", "backends": [{"version": "v1", "weight": 90}]},
            {"intent": "fault-delay", "service": "a", "delay": "soon", "percent": 101, "header": {"name": "x"}},
            {"intent": "timeout", "service": "reviews", "timeout": "1s"},
            5,
        ],
    }
    assert sorted(complaints(raw)) == [
        ("#/id", "Expected at most 63 of a-z, 0-9 and inner -"),
        ("#/intents/0", "Object missing required field `version`"),
        ("#/intents/0/percentage", "unknown field 'percentage': did you mean percent?"),
        ("#/intents/1/intent", "unknown intent 'trafic-split': did you mean traffic-split?"),
        ("#/intents/2/backends", "the weights add up to 90, not to 100"),
        ("#/intents/3/delay", "Expected a number and ms, s, m or h, as in 250ms"),
        ("#/intents/3/percent", "Expected `float` <= 100.0"),
        ("#/intents/5", "Expected `object`, got `int`"),
        ("#/self_heel", "unknown field 'self_heel': did you mean self_heal?"),
        ("#/workloads/0/port", "Expected `int` >= 1"),
        ("#/workloads/1", "Object missing required field `name`"),
        ("#/workloads/1/port", "Expected `int`, got `str`"),
    ]


@property_test
@given(any_design, free)
def test_nothing_that_is_refused_goes_without_a_problem(raw: Any, other: Any) -> None:
    """Whatever stands in the place of a part: a refusal names at least what msgspec itself refuses."""
    for key in raw:
        changed = {**raw, key: other}
        try:
            msgspec.convert(changed, designs.Design)
        except msgspec.ValidationError as error:
            first = strict.field_error(str(error))
            assert any(pointer.startswith(first.pointer) for pointer, _ in complaints(changed)), first


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": None}, "#/id"),
        ({"id": "Upper"}, "#/id"),
        ({"id": "a\n"}, "#/id"),
        ({"id": "a" * 64}, "#/id"),
        ({"workloads": {}}, "#/workloads"),
        ({"workloads": [{"name": "x", "service": "y", "port": "80"}]}, "#/workloads/0/port"),
        ({"workloads": [{"name": "x", "service": "y", "port": 65536}]}, "#/workloads/0/port"),
        ({"workloads": [{"name": "x", "service": "y"}]}, "#/workloads/0"),
        ({"resources": [{"type": "t", "name": "n", "body": {1: 2}}]}, "#/resources/0/body"),
        ({"intents": [{"intent": "nonsense"}]}, "#/intents/0/intent"),
        ({"intents": [{"service": "a"}]}, "#/intents/0"),
        (
            {"intents": [{"intent": "traffic-split", "service": "a", "backends": [{"version": "v", "weight": 1.5}]}]},
            "#/intents/0/backends/0/weight",
        ),
        (
            {"intents": [{"intent": "mirror", "service": "a", "version": "b", "percent": float("nan")}]},
            "#/intents/0/percent",
        ),
        ({"intents": [{"intent": "deny-all"}] * 501}, "#/intents"),
    ],
)
def test_a_wrong_value_is_refused_where_it_stands(change: dict[str, Any], pointer: str) -> None:
    """A wrong type or a broken rule of one field is reported with the pointer of that field."""
    assert [result for result, _ in complaints({"id": "a", **change})] == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"a/b~c": float("inf")}, "#/resources/0/body/a~1b~0c"),
        ({"n": [0, 2**63]}, "#/resources/0/body/n/1"),
        ({"a\0b": 1}, "#/resources/0/body/a\0b"),
    ],
)
def test_what_cannot_be_stored_is_refused(body: dict[str, Any], pointer: str) -> None:
    """A number or a key that the database would refuse later is refused at the door."""
    raw = {"id": "a", "resources": [{"type": "t", "name": "n", "body": body}]}
    assert [result for result, _ in complaints(raw)] == [pointer]


@pytest.mark.parametrize("depth", [strict.MAX_DEPTH, 100_000])
def test_a_bottomless_document_is_refused(depth: int) -> None:
    """Nesting without end is a refusal, not a crash."""
    body: dict[str, Any] = {}
    for _ in range(depth):
        body = {"a": body}
    raw = {"id": "a", "resources": [{"type": "t", "name": "n", "body": body}]}
    assert complaints(raw)[0][1] == f"nested deeper than {strict.MAX_DEPTH} levels"


@pytest.mark.parametrize("raw", [None, 5, "text", [], [{}]])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    """A body of another kind is refused at its root."""
    assert [pointer for pointer, _ in complaints(raw)] == ["#"]


@pytest.mark.parametrize("tag", [{}, {"a": 1}, [], ["process"], 1, 1.5, True, None, "", "nonsense"])
def test_a_tag_of_any_type_is_refused_at_its_place(tag: Any) -> None:
    """What says which kind an object is may be anything that JSON has, and is never an error of the server's."""
    intents = complaints({"id": "d", "intents": [{"intent": tag}]}, designs.Design)
    assert intents
    assert all(pointer.startswith("#/intents/0") for pointer, _ in intents)


def test_a_broken_map_is_refused_at_the_map() -> None:
    """Where the exact key is not known, the complaint names the map that holds it."""
    raw = {"id": "a", "kind": "consul", "labels": {"x/y": 5}}
    assert complaints(raw, connections.Connection) == [("#/labels", "Expected `str`, got `int`")]


def test_a_refused_name_is_explained_in_words() -> None:
    """The message describes the valid names in words, not by a regular expression."""
    raw = {"name": "A b", "service": "s", "port": 1}
    assert complaints(raw, workloads.WorkloadSpec) == [("#/name", "Expected at most 63 of a-z, 0-9 and inner -")]


def test_a_complaint_is_no_echo() -> None:
    """However much is unknown, the answer is short: a bounded number of complaints, a long key by its object."""
    with pytest.raises(strict.InvalidDocument) as raised:
        strict.decode({"id": "a", **{f"k{n}": n for n in range(5_000)}}, designs.Design)
    assert len(raised.value.errors) == strict.MOST_ERRORS
    with pytest.raises(strict.InvalidDocument) as raised:
        strict.decode({"id": "a", "k" * 100_000: 1}, designs.Design)
    (complaint,) = raised.value.errors
    assert complaint.pointer == "#"
    assert len(complaint.detail) < 300


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """2.0 is a whole number to JSON Schema and so to us; 2.5 is none, and free data keeps its values."""
    spec = {"name": "a", "service": "a", "port": 80.0}
    assert strict.decode(spec, workloads.WorkloadSpec).port == 80
    native = {"type": "t", "name": "n", "body": {"big": 1e300, "half": 0.5, "two": 2.0}}
    result = strict.decode({"id": "d", "workloads": [spec], "resources": [native]}, designs.Design)
    assert result.resources[0].body == native["body"]
    with pytest.raises(strict.InvalidDocument) as caught:
        strict.decode({**spec, "port": 80.5}, workloads.WorkloadSpec)
    assert caught.value.errors[0].pointer == "#/port"
