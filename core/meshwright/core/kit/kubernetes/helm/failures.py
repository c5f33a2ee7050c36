"""Why a chart cannot be rendered, in words that help.

    MW5101  there is no such chart
    MW5102  a repository or registry cannot be reached
    MW5103  the values do not fit the chart
    MW5104  a template fails
    MW5105  the chart has hooks that have to run
    MW5106  there is no Helm on this machine
    MW5107  rendering takes too long, or gives too much

Invariant: each code is made in one place, and each names the chart.
"""

from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.errors import Failure

_LONGEST = 1500
_HAVE = "name a folder or .tgz that holds the chart (--chart PATH)"


def not_found(chart: str, why: str) -> Reject:
    """Nothing is there, or it is no chart."""
    return _reject(
        "MW5101",
        f"the chart {chart} cannot be read: {why}",
        remedy=f"Check its name and version, or {_HAVE}.",
    )


def unreachable(chart: str, location: str, why: str) -> Reject:
    """No network, or no such server."""
    return _reject(
        "MW5102",
        f"the chart {chart} cannot be fetched from {location}: {why}",
        cause="This worker has no way to that server, or the server does not serve the chart.",
        remedy=f"Give the worker network access, or fetch the chart elsewhere and {_HAVE}.",
        retryable=True,
    )


def values(chart: str, why: str) -> Reject:
    """The chart's own schema says no."""
    return _reject(
        "MW5103",
        f"the values do not fit the chart {chart}: {why}",
        cause="The chart's values.schema.json refuses them; nothing was changed.",
        remedy="Correct the values named.",
    )


def template(chart: str, why: str) -> Reject:
    """A template says no, or is wrong."""
    return _reject(
        "MW5104",
        f"the chart {chart} cannot be rendered: {why}",
        cause="A template of the chart fails with these values, or for this version of Kubernetes.",
        remedy="Correct the values, or choose another version of the chart.",
    )


def hooks(chart: str, names: list[str]) -> Reject:
    """Something would have to run in the cluster at a moment that only Helm knows."""
    return _reject(
        "MW5105",
        f"the chart {chart} has hooks that have to run: {', '.join(names)}",
        cause="A hook that starts pods before or after an installation is Helm's own machinery, which is not used.",
        remedy="Switch the hooks off by the chart's values, or install this chart with helm.",
    )


def no_engine(chart: str) -> Reject:
    """Neither the library nor the program is there."""
    return _reject(
        "MW5106",
        f"the chart {chart} cannot be rendered: there is no Helm on this machine",
        remedy="Choose one: pip install 'meshwright[helm]' where the worker runs, put a helm program on its PATH, or "
        "name one (MESHWRIGHT_HELM=/path/to/helm).",
    )


def too_much(chart: str, why: str) -> Reject:
    """It was ended."""
    return _reject(
        "MW5107",
        f"rendering the chart {chart} was ended: {why}",
        cause="A template loops or gives far more than a cluster could take.",
        remedy="Correct the chart or its values.",
    )


def _reject(code: str, what: str, *, cause: str = "", remedy: str = "", retryable: bool = False) -> Reject:
    return Reject(Failure(code=code, what=what[:_LONGEST], cause=cause, remedy=remedy, retryable=retryable))
