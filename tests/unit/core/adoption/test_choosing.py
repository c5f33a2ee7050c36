"""Which mesh is meant when one is adopted, and under which names those of a connection are managed."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import kit
from meshwright.core.kit.adoption import adopting
from meshwright.core.kit.adoption.detecting import named, places
from meshwright.schemas.meshes import DetectedMesh, Mesh
from meshwright.schemas.operations import AdoptMesh

REF = kit.MeshRef(workspace="default", connection="k", mesh="prod")
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
WORDS = st.sampled_from(["", "a", "b"])


def mesh(namespace: str, revision: str = "default", name: str = "", tags: tuple[str, ...] = ()) -> DetectedMesh:
    """A mesh that is there, managed under that name or not."""
    return DetectedMesh(
        kind="istio", version="1.30.3", namespace=namespace, revision=revision, mesh=name, tags=list(tags)
    )


def managed(name: str, namespace: str, *revisions: str, kind: str = "istio") -> Mesh:
    """A mesh that is managed."""
    return Mesh(
        id=name, kind=kind, connection="k", adapter="istio", namespace=namespace, revisions=[*revisions],
        observed_at=NOW,
    )  # fmt: skip


def refusal(detected: list[DetectedMesh], wanted: AdoptMesh) -> tuple[str, str]:
    """The code and the words of why nothing is adopted."""
    with pytest.raises(kit.Reject) as refused:
        adopting.chosen(detected, wanted, REF)
    failure = refused.value.failure
    return failure.code, f"{failure.what} {failure.cause} {failure.remedy}"


@pytest.mark.parametrize(
    "wanted", [AdoptMesh(), AdoptMesh(namespace="a"), AdoptMesh(revision="default"), AdoptMesh(revision="stable")]
)
def test_the_only_one_need_not_be_named(wanted: AdoptMesh) -> None:
    """What is said must fit: the namespace, the revision or one of its tags."""
    one = mesh("a", tags=("stable",))
    assert adopting.chosen([one], wanted, REF) == one


def test_a_revision_comes_before_a_tag_of_the_same_name() -> None:
    """Such as `default`, which istioctl makes a tag of the first named revision that it installs."""
    tagged, default = mesh("a", "canary", tags=("default",)), mesh("a")
    assert adopting.chosen([tagged, default], AdoptMesh(revision="default"), REF) == default
    assert adopting.chosen([tagged], AdoptMesh(revision="default"), REF) == tagged


def test_a_mesh_that_is_managed_is_in_nobodys_way() -> None:
    """Of two the one that is not managed yet is meant; asked for again, the one that has the name."""
    free, taken, own = mesh("a", "new"), mesh("a", "old", "other"), mesh("b", "x", "prod")
    assert adopting.chosen([taken, free], AdoptMesh(), REF) == free
    assert adopting.chosen([taken, free, own], AdoptMesh(), REF) == own


def test_what_cannot_be_meant_is_refused_with_what_can() -> None:
    """None, one of another name, several: each has its code, names the meshes and says what to do."""
    assert refusal([], AdoptMesh())[0] == "MW2030"
    code, words = refusal([mesh("a")], AdoptMesh(namespace="c", revision="new"))
    assert code == "MW2030"
    assert "in c new" in words
    assert "istio 1.30.3 a/default" in words
    code, words = refusal([mesh("a", name="other")], AdoptMesh())
    assert code == "MW2031"
    assert "meshes forget other" in words
    code, words = refusal([mesh("a"), mesh("b")], AdoptMesh())
    assert code == "MW2032"
    assert "a/default" in words
    assert "b/default" in words
    assert "--namespace, --revision" in words


@given(st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["", "prod", "other"])), max_size=5, unique=True), WORDS, WORDS)
def test_what_is_chosen_is_what_was_asked_for_and_free(
    meshes: list[tuple[str, str, str]], namespace: str, revision: str
) -> None:
    """Whatever is there: never one that is managed under another name, never one that does not fit."""
    detected = [mesh(*each) for each in meshes]
    try:
        one = adopting.chosen(detected, AdoptMesh(namespace=namespace, revision=revision), REF)
    except kit.Reject as refused:
        assert refused.failure.remedy
        return
    assert one in detected
    assert one.mesh in ("", "prod")
    assert namespace in ("", one.namespace)
    assert revision in ("", one.revision)


def test_every_control_plane_of_a_mesh_has_its_name() -> None:
    """While an upgrade goes on there are two; one of another kind, or elsewhere, is another mesh."""
    detected = [mesh("a", "old"), mesh("a", "new"), mesh("b", "old")]
    published = [managed("prod", "a", "new", "old"), managed("link", "b", "old", kind="linkerd")]
    assert [each.mesh for each in named(detected, published)] == ["prod", "prod", ""]


def test_a_mesh_whose_place_is_not_known_has_none() -> None:
    """Meshes without namespaces have no place; those without revisions have one."""
    assert places(managed("m", "")) == set()
    assert places(managed("m", "linkerd")) == {("linkerd", "")}
    assert places(managed("m", "a", "x", "y")) == {("a", "x"), ("a", "y")}
