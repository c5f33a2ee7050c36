"""Ids: entities of equal names in two meshes or namespaces live side by side, and any legal name fits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.bus.envelope import Received
from meshwright.core.operations import records
from meshwright.schemas import ids, subjects
from meshwright.schemas.base import NAME_PATTERN, ULID_PATTERN

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
legal = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", fullmatch=True)
part = st.just("") | legal | text | st.sampled_from(["a~b", "a%7Eb", "a=b", "_5F", "__2E", "a_", ".", "..", "*", ">"])
KEY = re.compile(r"[-/_=.a-zA-Z0-9]+")  # https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md


@given(st.lists(part, min_size=1, max_size=5))
def test_an_id_gives_back_its_parts(parts: list[str]) -> None:
    """Whatever characters a name has, the parts of an id can be separated again."""
    assert list(ids.parts(ids.scoped(*parts))) == parts


@given(text | st.lists(part, min_size=2, max_size=5).map(lambda parts: ids.scoped(*parts)))
def test_an_id_survives_the_bus(entity: str) -> None:
    """An id comes out of a subject as it went in, so no two ids share one, and the token is good for a key too."""
    token = ids.to_token(entity)
    assert ids.of_token(token) == entity
    assert KEY.fullmatch(token)
    assert not {".", "*", ">"} & set(token)


@given(
    st.from_regex(NAME_PATTERN.strip("^$"), fullmatch=True)
    | st.from_regex(ULID_PATTERN.strip("^$"), fullmatch=True)
    | st.sampled_from(["my_mesh", "step_completed", "_", "A_b", "mw_1"])
)
def test_a_plain_id_stands_in_a_subject_as_it_is(entity: str) -> None:
    """Names, ULIDs and adapters' names stay readable, and what was stored before ids were encoded is still found."""
    assert ids.to_token(entity) == ids.of_token(entity) == entity


@given(st.text(st.characters(codec="utf-8", exclude_characters="."), min_size=1, max_size=30))
def test_a_token_of_a_stranger_is_read_all_the_same(token: str) -> None:
    """NATS lets others write more into a subject than we do; reading it fails never."""
    assert isinstance(ids.of_token(token), str)


def test_the_longest_names_of_kubernetes_fit() -> None:
    """253 characters with as many dots as a name may have, in the longest namespace and mesh."""
    name = ".".join(["a"] * 127)
    assert len(name) == 253
    entity = ids.scoped("m" * 63, "n" * 63, "statefulset", name)
    subject = subjects.fill(subjects.EVENTS, workspace="w" * 63, origin="istio", entity="workload", id=entity)
    assert subjects.parse(subjects.EVENTS, subject)["id"] == entity


@pytest.mark.parametrize("entity", ["", "a" * 2001, "." * 700, "\ud800"])
def test_what_cannot_be_an_id_is_refused(entity: str) -> None:
    """Nothing, too much and half a character are errors, and no subject that means something else."""
    with pytest.raises(ValueError, match=r"cannot be an id in a subject|surrogates"):
        ids.to_token(entity)


def test_whoever_reads_a_message_gets_the_id() -> None:
    """The one reader of stored messages gives the entity's id and not its encoding."""
    entity = ids.scoped("demo", "shop", "deployment", "reviews.v1")
    assert entity == "demo~shop~deployment~reviews.v1"
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="istio", entity="workload", id=entity)
    assert subject == "mw.evt.default.istio.workload.demo=shop=deployment=reviews_2Ev1"
    stored = Received(stream="EVENTS", subject=subject, seq=1, time=0, headers={"ce-type": "x.v1"}, payload=b"{}")
    assert records.read(stored).id == entity
