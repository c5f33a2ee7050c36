"""Charts to install Linkerd from, where Linkerd's own cannot be had.

Problem: no package carries Linkerd's charts, and nothing is fetched. Invariant: the chart of the definitions holds
Linkerd's real ones; the chart of the control plane is our own writing, and says so: it has the names of the real one's
values, and renders those of its objects that installing, detecting and enrolling look at.
"""

import shutil
from pathlib import Path

import pytest
import yaml

from meshwright.adapters.linkerd import versions
from rig.istio.schemas import documents

_OWN = Path(__file__).parent / "chart"


def chart_folder(directory: Path, release: str = "edge-26.6.3") -> Path:
    """A folder with both charts of a release; skips the test where the real definitions are not there."""
    definitions = list(documents("linkerd"))
    if not definitions:
        pytest.skip("needs Linkerd's definitions in the folder shared beside the checkout")
    folder = directory / release
    _chart(folder / "linkerd-crds", release)
    (folder / "linkerd-crds" / "templates" / "definitions.yaml").write_text(yaml.safe_dump_all(definitions))
    plane = folder / "linkerd-control-plane"
    _chart(plane, release)
    for each in sorted(_OWN.glob("*.yaml")):
        shutil.copy(each, plane / ("" if each.name == "values.yaml" else "templates") / each.name)
    return folder


def _chart(folder: Path, release: str) -> None:
    (folder / "templates").mkdir(parents=True)
    about = {
        "apiVersion": "v2",
        "name": folder.name,
        "version": versions.chart_version(release),
        "appVersion": release,
        "description": "A stand-in for Linkerd's chart of this name, for tests alone",
    }
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
