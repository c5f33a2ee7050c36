"""`istioctl analyze`, what its own tests expect of it, and our findings in its words, so that both can be compared.

Invariant: a finding of either side is a code and the resource that it is about; what istioctl says about
Envoy's own messages has a code apart, since no schema of Kubernetes knows these.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
import yaml

from meshwright.adapters.istio.analysis import analyzers
from meshwright.core.kit import structural
from meshwright.core.kit.analysis import Manifests, read_files
from meshwright.schemas.findings import FindingLocation, SourceFile
from testbed import charts, programs
from testbed.fixtures import skip_unless_built

Key = tuple[str, str]
"""a code, and `Kind namespace/name`, or `Kind name` where a file names no namespace"""
ENVOY = "IST0133 of Envoy"
INGRESS = """
apiVersion: v1
kind: Pod
metadata: {name: istio-ingressgateway, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: istio-proxy}]}
---
apiVersion: v1
kind: Service
metadata: {name: istio-ingressgateway, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http, port: 80}, {name: https, port: 443}]}
"""
"""the gateway that istioctl supposes beside files"""


class Case(msgspec.Struct, frozen=True):
    """One test of istioctl's own: the files that it analyzes, and what it has to find."""

    name: str
    files: tuple[str, ...]
    expected: frozenset[Key]


def analysis_folder() -> Path:
    """Where the sources of istioctl's analysis lie; skips the test where they are not on this machine."""
    skip_unless_built(programs.ISTIOCTL)
    folder = charts.istio_charts()
    analysis = folder.parent.parent / "pkg" / "config" / "analysis" if folder else Path()
    if folder is None or not analysis.is_dir():
        pytest.skip(charts.MISSING)
    return analysis


def findings(*paths: Path) -> set[Key]:
    """What istioctl finds in files without a cluster."""
    command = [str(programs.ISTIOCTL.path), "analyze", "--use-kube=false", "-A", "-o", "json", *map(str, paths)]
    with tempfile.TemporaryDirectory() as home:  # no kubeconfig of whoever runs the test
        environment = {"HOME": home, "PATH": ""}
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    lines = ended.stdout.splitlines()
    start = next((index for index, line in enumerate(lines) if line in ("[", "[]", "null")), None)
    assert start is not None, ended.stderr
    return {_key(each["code"], each["origin"], each["message"]) for each in json.loads("\n".join(lines[start:])) or []}


def ours(
    paths: Iterable[Path], *, complete: bool = False, definitions: structural.Definitions | None = None
) -> set[Key]:
    """What we find in files, under our own codes; `complete`: with the gateway that istioctl supposes, they are all."""
    files = [SourceFile(name=path.name, content=path.read_text()) for path in paths]
    files += [SourceFile(name="ingress.yaml", content=INGRESS)] if complete else []
    manifests, unreadable = read_files(files, "")
    definitions = definitions or structural.Definitions()
    result = analyzers.run(Manifests(manifests), unreadable, complete=complete, definitions=definitions)
    return {(each.code, _origin(each.location)) for each in result.findings}


def is_found(key: Key, findings: Iterable[Key]) -> bool:
    """Whether one of our findings stands for one of istioctl's."""
    return any(origin == key[1] and key[0] in analyzers.rules[code].equivalents for code, origin in findings)


def is_known(key: Key, theirs: Iterable[Key]) -> bool:
    """Whether one of istioctl's findings stands for one of ours."""
    return any(is_found(each, [key]) for each in theirs)


def definitions(analysis: Path) -> structural.Definitions:
    """Istio's own definitions, as its chart installs them."""
    path = analysis.parents[2] / "manifests" / "charts" / "base" / "files" / "crd-all.gen.yaml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = yaml.load_all(path.read_text(), Loader=loader)
    return structural.Definitions(structural.definition(each) for each in documents if each)


def codes(analysis: Path) -> dict[str, str]:
    """Every message of istioctl by its name."""
    return dict(re.findall(r'- name: "(\w+)"\n\s+code: (IST\d+)', (analysis / "msg" / "messages.yaml").read_text()))


def own_cases(analysis: Path) -> list[Case]:
    """The table of istioctl's own tests."""
    by_name = codes(analysis)
    text = (analysis / "analyzers" / "analyzers_test.go").read_text()
    table = text[text.index("var testGrid") : text.index("// regex patterns")]
    cases = []
    for each in re.split(r"\n\t\{\n", table)[1:]:
        inputs = re.search(r"inputFiles: (.*?)\n\t\t(?:mesh\w+:|analyzer:|\w+:\s)", each, flags=re.DOTALL)
        name = re.search(r'name:\s+"([^"]+)"', each)
        assert inputs and name, each
        expected = re.findall(r'\{msg\.(\w+), "([^"]+)"\}', each)
        files = tuple(re.findall(r'"testdata/([^"]+)"', inputs[1]))
        cases.append(Case(name[1], files, frozenset(_key(by_name[kind], origin) for kind, origin in expected)))
    return cases


def _origin(location: FindingLocation) -> str:
    ref = location.ref
    return f"{ref.kind} {ref.namespace}/{ref.name}".replace(" /", " ") if ref else location.file


def _key(code: str, origin: str, message: str = "") -> Key:
    return (ENVOY if code == "IST0133" and " in envoy." in message else code), origin
