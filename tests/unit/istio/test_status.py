"""What is told of a mesh with one control plane or two, whoever installed it."""

import pytest

from meshwright.adapters.istio import status
from meshwright.adapters.istio.detecting import Detected
from meshwright.adapters.istio.proxies.reading import Reading
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installed
from meshwright.schemas.meshes import Condition, Mesh

MESH = kit.MeshRef(workspace="default", connection="k", mesh="prod")
GOOD = Condition(type="ControlPlaneReady", status="True", message="1 of 1")


def plane(revision: str, *conditions: Condition, namespace: str = "istio-system", version: str = "1.30.3") -> Detected:
    """A control plane that is there."""
    return Detected(namespace=namespace, revision=revision, version=version, conditions=[*conditions] or [GOOD])


def bad(message: str, kind: str = "ControlPlaneReady") -> Condition:
    """Something that is wrong."""
    return Condition(type=kind, status="False", reason="Unavailable", message=message)


def record(*revisions: str, installer: str = "") -> Installation:
    """What is known of a mesh, the revision in force first."""
    components = [
        Installed(chart="istiod", release=f"istiod-{each}", namespace="istio-system", revision=each)
        for each in revisions
        if not installer
    ]
    return Installation(
        namespace="istio-system",
        profile="default",
        version="1.30.3",
        revision=revisions[0],
        components=components,
        installer=installer,
    )


def seen(planes: list[Detected], known: Installation | None) -> Mesh:
    """The mesh as it is told."""
    return status.observed(MESH, "istio", status.own(planes, known), known, Reading())


def test_every_control_plane_of_a_mesh_is_its_own_the_one_in_force_first() -> None:
    """Another namespace or revision belongs to somebody else; without a record the only one is meant."""
    old, new, other = plane("default"), plane("canary"), plane("canary", namespace="elsewhere")
    mine = status.own([other, new, old], record("canary", ""))
    assert mine == [new, old]
    assert status.own([old], None) == [old]
    assert status.own([old, new], None) == []
    assert seen([other, new, old], record("canary", "")).revisions == ["canary", "default"]


def test_an_adopted_mesh_says_what_installed_it() -> None:
    """And where it is; its version is that of the control plane, whatever it was when it was adopted."""
    mesh = seen([plane("canary", version="1.31.0")], record("canary", installer="helm"))
    assert (mesh.namespace, mesh.revisions, mesh.installer) == ("istio-system", ["canary"], "helm")
    assert (mesh.version, mesh.state) == ("1.31.0", "ready")


@pytest.mark.parametrize("known", [record("canary"), None])
def test_a_mesh_without_its_control_plane_is_degraded_and_says_what_to_do(known: Installation | None) -> None:
    """Also when another revision is still there: nothing that follows the one in force is served."""
    mesh = seen([], known)
    (one,) = mesh.conditions
    assert (mesh.state, one.type, one.reason) == ("degraded", "ControlPlaneReady", "NotFound")
    assert "install it again, or remove the mesh" in one.message
    beside = seen([plane("default")], record("canary", ""))
    told = {each.type: each for each in beside.conditions}
    assert "no control plane istio-system/canary" in told["ControlPlaneReady"].message


def test_what_is_wrong_with_the_other_control_plane_is_told_with_its_revision() -> None:
    """Of one that is well nothing is told; each type of condition stands once."""
    planes = [plane("canary"), plane("default", bad("0 of 2"), bad("no webhook", "InjectionReady"))]
    mesh = seen(planes, record("canary", ""))
    told = {each.type: each for each in mesh.conditions}
    assert len(told) == len(mesh.conditions)
    assert told["ControlPlaneReady"].status == "False"
    assert told["ControlPlaneReady"].message == "revision default: 0 of 2"
    assert told["InjectionReady"].message == "revision default: no webhook"
    assert mesh.state == "degraded"
    assert seen([plane("canary"), plane("default")], record("canary", "")).state == "ready"


def test_conditions_of_one_type_become_one_with_the_words_of_all() -> None:
    """What is wrong stands before what is well, and no message is longer than the contract allows."""
    joined = status.joined([GOOD, bad("first"), bad("second"), bad("x" * 1999, "Other"), bad("y", "Other")])
    assert [(each.type, each.status) for each in joined] == [("ControlPlaneReady", "False"), ("Other", "False")]
    assert joined[0].message == "first; second"
    assert len(joined[1].message) == 2000
