"""Istio's real charts, where this machine has them: in the Go module that its programs are built from.

Invariant: nothing is fetched; where there are none the answer says what would bring them.
"""

import os
import shutil
import subprocess
from pathlib import Path

VARIABLE = "MESHWRIGHT_TEST_ISTIO_CHARTS"
MISSING = f"no charts of Istio: build the test bed (make testbed), or name a folder that has them ({VARIABLE})"


def istio_charts() -> Path | None:
    """The folder that holds them; None where there is none."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    result = sorted(_module_cache().glob("istio.io/istio@*/manifests/charts"))
    return result[-1] if result else None


def _module_cache() -> Path:
    if named := os.environ.get("GOMODCACHE"):
        return Path(named)
    if go := shutil.which("go"):
        told = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=False).stdout.strip()
        if told:
            return Path(told)
    return Path(os.environ.get("GOPATH") or Path.home() / "go") / "pkg" / "mod"
