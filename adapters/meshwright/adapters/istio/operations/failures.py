"""Why an operation on Istio can fail, in words that help.

    MW4001  the mesh is not installed
    MW4003  the cluster is not fit for it
    MW4005  the version cannot be reached from the one that is there
    MW4007  a revision is not there
    MW4009  it is not known which of several installations is meant
    MW4010  designs are applied to what would be removed
    MW4012  the mesh was adopted, and is upgraded with what installed it
    MW4013  a waypoint does not come up
    MW4014  the connection lacks rights

Invariant: each code is made in one place, and says what to do.
"""

from meshwright.core import kit
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef


def no_mesh(mesh: str) -> kit.Reject:
    """There is no Istio."""
    return _reject(
        "MW4001",
        f"there is no Istio that Meshwright knows as {mesh}",
        cause="It was never installed or adopted, or it was uninstalled meanwhile.",
        remedy="Install it, or look with `meshwright meshes detect`.",
    )


def several(mesh: str, namespaces: list[str]) -> kit.Reject:
    """Meshwright has not installed it, and there is more than one."""
    return _reject(
        "MW4009",
        f"{mesh} was not installed by Meshwright, and there is Istio in {', '.join(namespaces)}",
        remedy="Remove it with what installed it, as `helm uninstall` or `istioctl uninstall`.",
    )


def designs_applied(mesh: str, designs: list[str]) -> kit.Reject:
    """Their resources would stay, and nobody could remove them with Meshwright any more."""
    return _reject(
        "MW4010",
        f"{', '.join(designs)} {'is' if len(designs) == 1 else 'are'} applied to {mesh}",
        cause="The resources of a design would stay in the cluster without anything that reads them.",
        remedy=f"Remove each first: `meshwright remove DESIGN --mesh {mesh}`.",
    )


_INSTALLERS = {
    "helm": ("Helm", "Upgrade the releases of its charts with `helm upgrade`"),
    "istioctl": ("istioctl", "Upgrade it with `istioctl upgrade`"),
    "operator": ("an operator", "Set the version in the resource that the operator reads"),
    "manifests": ("whoever applied its manifests", "Apply the manifests of the version that you want"),
    "meshwright": ("another Meshwright", "Upgrade it there"),
}
"""who manages an adopted mesh, and what to do for another version"""


def adopted(namespace: str, revision: str, installer: str) -> kit.Reject:
    """What others have installed is theirs to change."""
    manager, upgrade = _INSTALLERS.get(installer, _INSTALLERS["manifests"])
    return _reject(
        "MW4012",
        f"the Istio {namespace}/{revision} was adopted and is installed and upgraded by {manager}, not by Meshwright",
        cause="Two that manage the same objects would undo each other's changes.",
        remedy=f"{upgrade}; Meshwright sees the new version by itself.",
    )


def unfit(problems: list[str]) -> kit.Reject:
    """The cluster lacks what the installation needs, or has what it would disturb."""
    return _reject(
        "MW4003",
        "; ".join(problems),
        cause="The checks that come before an installation found this; nothing was changed.",
        remedy="Do what each of them says, then retry.",
        details={"problems": problems},
    )


def no_rights(missing: list[str], commands: list[str]) -> kit.Reject:
    """What it would take is not allowed; `commands` print the roles that allow it."""
    more = f" (and {len(missing) - 20} more)" if len(missing) > 20 else ""
    printing = " and ".join(f"`{each}`" for each in commands)
    return _reject(
        "MW4014",
        f"the connection lacks rights: {', '.join(missing[:20])}{more}",
        cause="What it would not be able to finish, or to take back, is not begun; nothing was changed.",
        remedy=f"Apply as an administrator the roles printed by {printing}." if commands else "Ask an administrator.",
        details={"missing": missing, "commands": commands},
    )


def skew(before: str, after: str, most: int, *, back: bool) -> kit.Reject:
    """Istio does not go from this version to that one."""
    if back:
        return _reject(
            "MW4005",
            f"Istio {before} cannot be brought back to {after}",
            cause="Istio does not support going back by a minor version: its resources may be of newer versions.",
            remedy="Move back to a control plane that still stands (upgrade --revision OLD), or uninstall and install.",
        )
    minors = "one minor version" if most == 1 else f"{most} minor versions"
    return _reject(
        "MW4005",
        f"Istio {before} cannot be brought to {after} like this",
        cause=f"Istio supports going up by {minors} this way.",
        remedy="Go by a version between them, or name a --revision: a second control plane may be two versions ahead.",
    )


def no_waypoint(ref: ResourceRef, because: str) -> kit.Reject:
    """Its proxy is not there in time."""
    return _reject(
        "MW4013",
        f"the waypoint {ref} does not come up: {because}",
        cause="Traffic is not sent to a waypoint before istiod has programmed it; the namespace is as it was.",
        remedy="Look at the Gateway's conditions and at its Deployment of the same name, then retry.",
    )


def no_revision(revision: str, there: list[str]) -> kit.Reject:
    """No control plane has this name."""
    return _reject(
        "MW4007",
        f"there is no revision or tag {revision}",
        cause=f"There are: {', '.join(there) or 'none'}.",
        remedy="Name one of these, or install the revision first.",
    )


def _reject(
    code: str, what: str, *, cause: str = "", remedy: str = "", details: dict[str, object] | None = None
) -> kit.Reject:
    return kit.Reject(Failure(code=code, what=what[:1500], cause=cause, remedy=remedy, details=details or {}))
