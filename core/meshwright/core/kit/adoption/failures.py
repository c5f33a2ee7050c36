"""Why a mesh is not adopted or forgotten, in words for people.

    MW2030  there is no such mesh
    MW2031  it is managed already, under another name
    MW2032  it is not known which of several is meant
    MW2033  the name stands for another mesh
    MW2034  designs are applied to what would be forgotten
    MW2035  it was not adopted

Invariant: each has one code for all meshes, and says what to do.
"""

from collections.abc import Sequence

from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.errors import Failure
from meshwright.schemas.meshes import DetectedMesh, Mesh
from meshwright.schemas.operations import AdoptMesh

_SHOWN = 10


def nothing_there(wanted: AdoptMesh, detected: Sequence[DetectedMesh]) -> Reject:
    """No mesh is like that."""
    where = " ".join(filter(None, (wanted.namespace and f"in {wanted.namespace}", wanted.revision))) or "at all"
    return _reject(
        "MW2030",
        f"there is no mesh of this kind {where} at the connection",
        cause=f"There are: {_listed(detected)}." if detected else "None was detected.",
        remedy="Name one that `meshwright meshes detect CONNECTION` shows, or install one.",
    )


def managed(detected: DetectedMesh) -> Reject:
    """A control plane has one name."""
    return _reject(
        "MW2031",
        f"{_shown(detected)} is managed already, as {detected.mesh}",
        remedy=f"Use it under that name, or end that first: `meshwright meshes forget {detected.mesh}`.",
    )


def several(detected: Sequence[DetectedMesh]) -> Reject:
    """More than one is not managed yet."""
    return _reject(
        "MW2032",
        f"it is not known which mesh is meant: {_listed(detected)}",
        remedy="Name its namespace and revision (--namespace, --revision).",
    )


def name_taken(name: str, mesh: Mesh) -> Reject:
    """A name has one mesh."""
    where = "/".join(filter(None, (mesh.namespace, *mesh.revisions[:1])))
    return _reject(
        "MW2033",
        f"{name} is the mesh {where or 'of another control plane'} already",
        remedy="Choose another name.",
    )


def designs_applied(mesh: str, designs: Sequence[str]) -> Reject:
    """Their resources would stay, and nobody could remove them with Meshwright any more."""
    return _reject(
        "MW2034",
        f"{', '.join(designs[:_SHOWN])} {'is' if len(designs) == 1 else 'are'} applied to {mesh}",
        cause="The resources of a design would stay without anything that reads them.",
        remedy=f"Remove each first: `meshwright remove DESIGN --mesh {mesh}`.",
    )


def not_adopted(mesh: str) -> Reject:
    """Meshwright has installed it, and alone knows what belongs to it."""
    return _reject(
        "MW2035",
        f"{mesh} was installed by Meshwright, and not adopted",
        cause="What was installed with it would stay, and nobody would know of it.",
        remedy=f"Uninstall it: `meshwright meshes uninstall {mesh}`.",
    )


def _listed(detected: Sequence[DetectedMesh]) -> str:
    return ", ".join(_shown(each) for each in detected[:_SHOWN])


def _shown(detected: DetectedMesh) -> str:
    place = "/".join(filter(None, (detected.namespace, detected.revision)))
    return f"{detected.kind} {detected.version} {place}".replace("  ", " ").strip()


def _reject(code: str, what: str, *, cause: str = "", remedy: str = "") -> Reject:
    return Reject(Failure(code=code, what=what[:1500], cause=cause[:1500], remedy=remedy))
