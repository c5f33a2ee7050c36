"""Why an installation from charts fails, in words that help.

    MW4001  the mesh is not installed
    MW4002  another owner has what would be changed
    MW4003  the cluster is not fit for it
    MW4004  a chart brings too much
    MW4005  the version cannot be reached from the one that is there
    MW4008  the charts are of another version
    MW4010  designs are applied to what would be removed
    MW4012  the mesh was adopted, and is upgraded with what installed it
    MW4014  the connection lacks rights

Invariant: each has one code for all meshes of Kubernetes, and says what to do.
"""

from meshwright.core import kit
from meshwright.schemas.errors import Failure, FieldError


def check_plan(release: str, dry_run: kit.DryRun, *, take_over: bool = False) -> None:
    """Raises Reject when a component cannot be applied as planned."""
    if dry_run.problems:
        problems = [FieldError(detail=f"{release}: {each.detail}", pointer="#/values") for each in dry_run.problems]
        raise kit.unfit(problems)
    foreign = [each for each in dry_run.changes if each.conflict and each.before != each.after]
    if foreign and not take_over:
        what = "; ".join(f"{each.ref} belongs to {each.conflict}" for each in foreign[:10])
        raise _reject(
            "MW4002",
            f"{release}: {what}",
            cause="Something else manages these objects, as Helm, another installer or an operator.",
            remedy="Go on with what manages them, remove them there first, or install beside them where the mesh can.",
        )


def too_large(release: str, limit: int) -> kit.Reject:
    """The plan does not fit into its bucket."""
    return _reject("MW4004", f"the plan of {release} would need more than {limit} bytes", remedy="Use smaller values.")


def other_version(chart: str, there: str, wanted: str) -> kit.Reject:
    """The folder of charts holds those of another version."""
    return _reject(
        "MW4008",
        f"the chart {chart} is of version {there}, and {wanted} was asked for",
        cause="A folder or archive holds one version of a chart.",
        remedy=f"Ask for --version {there}, or name the charts of {wanted} (--chart PATH).",
    )


def no_mesh(kind: str, mesh: str) -> kit.Reject:
    """There is none; `kind` is for people."""
    return _reject(
        "MW4001",
        f"there is no {kind} that Meshwright knows as {mesh}",
        cause="It was never installed or adopted, or it was uninstalled meanwhile.",
        remedy="Install it, or look with `meshwright meshes detect`.",
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
    "linkerd": ("Linkerd's own CLI", "Upgrade it with `linkerd upgrade`"),
    "operator": ("an operator", "Set the version in the resource that the operator reads"),
    "manifests": ("whoever applied its manifests", "Apply the manifests of the version that you want"),
    "meshwright": ("another Meshwright", "Upgrade it there"),
}
"""who manages an adopted mesh, and what to do for another version"""


def adopted(kind: str, place: str, installer: str) -> kit.Reject:
    """What others have installed is theirs to change."""
    manager, upgrade = _INSTALLERS.get(installer, _INSTALLERS["manifests"])
    return _reject(
        "MW4012",
        f"the {kind} {place} was adopted and is installed and upgraded by {manager}, not by Meshwright",
        cause="Two that manage the same objects would undo each other's changes.",
        remedy=f"{upgrade}; Meshwright sees the new version by itself.",
    )


def not_ours(kind: str, place: str, installer: str) -> kit.Reject:
    """What others have installed is theirs to remove."""
    manager, _ = _INSTALLERS.get(installer, _INSTALLERS["manifests"])
    return _reject(
        "MW4012",
        f"the {kind} {place} was adopted and is installed by {manager}, not by Meshwright",
        remedy="Remove it with what installed it, and forget it here (`meshwright meshes forget`).",
    )


def skew(kind: str, before: str, after: str, *, cause: str, remedy: str) -> kit.Reject:
    """A mesh of this kind does not go from this version to that one."""
    return _reject("MW4005", f"{kind} {before} cannot be brought to {after} like this", cause=cause, remedy=remedy)


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


def _reject(
    code: str, what: str, *, remedy: str, cause: str = "", details: dict[str, object] | None = None
) -> kit.Reject:
    return kit.Reject(Failure(code=code, what=what[:1500], cause=cause, remedy=remedy, details=details or {}))
