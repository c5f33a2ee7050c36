"""A chart to install Kuma from, where Kuma's own cannot be had.

Problem: no package carries Kuma's chart, and nothing is fetched. Invariant: the definitions are Kuma's real ones; the
rest of the chart is our own writing, and says so: it has the names of the real one's values, and renders those of its
objects that installing, detecting and enrolling look at.
"""

import shutil
from pathlib import Path

import yaml

from rig.kuma import schemas

_OWN = Path(__file__).parent / "chart"


def chart_folder(directory: Path, release: str = "2.14.3") -> Path:
    """A folder with the chart of a release; skips the test where the real definitions are not there."""
    definitions = schemas.definitions()
    folder = directory / release
    chart = folder / "kuma"
    (chart / "templates").mkdir(parents=True)
    (chart / "crds").mkdir()
    about = {
        "apiVersion": "v2",
        "name": "kuma",
        "version": release,
        "appVersion": release,
        "description": "A stand-in for Kuma's chart, for tests alone",
    }
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    (chart / "crds" / "definitions.yaml").write_text(yaml.safe_dump_all(definitions))
    for each in sorted(_OWN.glob("*.yaml")):
        shutil.copy(each, chart / ("" if each.name == "values.yaml" else "templates") / each.name)
    return folder
