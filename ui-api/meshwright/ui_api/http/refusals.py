"""Logging of refusals, each once, so that the trace id of a response can be found in the log.

Invariant: a line has route, principal, workspace and the kind of refusal, never the input; however many requests are
refused, the log grows by a bounded number of lines per principal and second, and reports how many were suppressed.
"""

import logging

from meshwright.core.telemetry.allowance import Allowance
from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.http.problems import Refusal

log = logging.getLogger(__name__)
_NOTABLE = (401, 403, 429)


class Refusals:
    """Counts and logs refusals."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._lines = Allowance(burst=50, per_second=2.0)
        self._tracebacks = Allowance(burst=10, per_second=0.1)

    def tell(self, refused: Refusal, *, route: str, principal: str = "", workspace: str = "") -> None:
        """Count a refusal, and log it within the trace of its request."""
        self._meters.refusals.add(refused.slug)
        skipped = self._lines.take(principal)
        if skipped is None:
            return
        status = PROBLEM_TYPES[refused.slug].status
        about = {"status": status, "route": route, "principal": principal or "nobody"}
        if workspace:
            about["workspace"] = workspace
        if status >= 500:
            about["detail"] = refused.detail  # a server error's text is our own; below 500 it may contain input
        if skipped:
            about["left_out"] = skipped
        level = logging.WARNING if status >= 500 or status in _NOTABLE else logging.INFO
        log.log(level, "refused: %s", refused.slug, extra=about)

    def defect(self) -> None:
        """Log an unhandled exception."""
        skipped = self._tracebacks.take()
        if skipped is not None:
            log.exception("unhandled exception", extra={"left_out": skipped} if skipped else {})
