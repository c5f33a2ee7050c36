"""Why an installation from charts fails, in words that help.

    MW4002  another owner has what would be changed
    MW4004  a chart brings too much
    MW4008  the charts are of another version

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


def _reject(code: str, what: str, *, remedy: str, cause: str = "") -> kit.Reject:
    return kit.Reject(Failure(code=code, what=what[:1500], cause=cause, remedy=remedy))
