"""Charts are rendered by Helm's own engine in a child process, and what they become is told whole.

The chart of these tests is written here. They run with the library (the extra `helm`) or a `helm` program, and are
skipped where there is neither.
"""

import asyncio
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import kit
from meshwright.core.kit.kubernetes import helm
from meshwright.core.kit.kubernetes.helm import charts
from meshwright.core.kit.kubernetes.objects import reference_of

pytestmark = pytest.mark.skipif(
    not charts.engine(), reason="no Helm: pip install 'meshwright[helm]', or a helm program on the PATH"
)

FILES = {
    "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.2.3\nappVersion: '7'\n",
    "values.yaml": "replicas: 1\nhook: ''\nloop: 0\n",
    "values.schema.json": json.dumps({"type": "object", "properties": {"replicas": {"type": "integer", "minimum": 0}}}),
    "crds/thing.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata: {name: things.example.org}\nspec: {group: example.org}\n",
    "templates/_names.tpl": '{{- define "demo.name" -}}{{ .Release.Name }}-demo{{- end -}}',
    "templates/deployment.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "demo.name" . }}
  namespace: {{ .Release.Namespace }}
  annotations: {{ .Values.scalars | default "{}" }}
spec:
  replicas: {{ .Values.replicas }}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: demo, namespace: {{ .Release.Namespace }}}
{{ if .Capabilities.APIVersions.Has "example.org/v1/Thing" }}
---
apiVersion: example.org/v1
kind: Thing
metadata: {name: one, labels: {kube: {{ .Capabilities.KubeVersion.Version }}}}
{{ end }}
""",
    "templates/list.yaml": "apiVersion: v1\nkind: List\nitems:\n"
    "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
    "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n",
    "templates/hook.yaml": """
{{ if .Values.hook }}
apiVersion: batch/v1
kind: {{ .Values.hook }}
metadata: {name: migrate, annotations: {"helm.sh/hook": "pre-install,pre-upgrade"}}
{{ end }}
""",
    "templates/loop.yaml": "{{ range until (int .Values.loop) }}{{ range until 99999 }}{{ end }}{{ end }}",
    "templates/tests/check.yaml": "apiVersion: v1\nkind: Pod\n"
    'metadata: {name: check, annotations: {"helm.sh/hook": test}}\n',
    "templates/NOTES.txt": "Have fun with {{ .Release.Name }}.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The chart as a folder."""
    for name, text in FILES.items():
        path = tmp_path / "charts" / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "charts" / "demo"


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    """The chart as an archive."""
    path = tmp_path / "archives" / "demo-1.2.3.tgz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, "demo")
    return path


async def render(location: Path | str, timeout: float = 60.0, version: str = "", **options: Any) -> helm.Rendered:
    """Render the chart as release `r` in the namespace `ns`."""
    chart = helm.Chart(name="demo", location=str(location), version=version)
    return await helm.render(chart, helm.Rendering(release="r", namespace="ns", **options), timeout=timeout)


def names(rendered: helm.Rendered) -> list[str]:
    """What it became, in order."""
    return [str(reference_of(each)) for each in rendered.objects]


async def test_a_chart_becomes_its_objects_in_order(folder: Path) -> None:
    """Definitions come first, lists are taken apart, tests are left out and told, notes are kept."""
    rendered = await render(folder)
    assert names(rendered) == [
        "CustomResourceDefinition things.example.org",
        "ServiceAccount ns/demo",
        "ConfigMap a",
        "ConfigMap b",
        "Deployment ns/r-demo",
    ]
    assert [str(each.ref) for each in rendered.left_out] == ["Pod check"]
    assert (rendered.name, rendered.version, rendered.app_version) == ("demo", "1.2.3", "7")
    assert rendered.digest.startswith("sha256:")


async def test_scalars_mean_what_they_mean_to_helm(folder: Path) -> None:
    """Dates and times stay text, `yes` is true, and whole numbers are whole, as when Helm itself reads YAML."""
    scalars = (
        "{a: yes, b: y, c: 12:30, d: 2024-01-02, e: 1e3, f: 0755, g: 0o17, h: 1_000, i: .5, j: 0x1F, k: '1', l: ~,"
        " m: -1.5E+3, n: off, o: 08, p: +5, q: 1., r: 0b11, s: '=', t: NO, u: 190:20:30, v: 1.0, w: 1.2.3, on: x, 2: x}"
    )
    deployment = (await render(folder, values={"scalars": scalars})).objects[-1]
    result = deployment["metadata"]["annotations"]
    assert (result["a"], result["c"], result["d"], result["e"], result["f"]) == (
        True,
        "12:30",
        "2024-01-02",
        1000,
        0o755,
    )
    helm_python = pytest.importorskip("helm_python", reason="needs the library: pip install 'meshwright[helm]'")
    assert result == helm_python.values_from_yaml(f"x: {scalars}")["x"]


async def test_values_and_the_cluster_reach_the_templates(folder: Path) -> None:
    """Values, the version of Kubernetes and the APIs that it serves are what templates see."""
    rendered = await render(
        folder, values={"replicas": 3}, kube_version="v1.35.4", api_versions=["example.org/v1/Thing"]
    )
    result = {each["kind"]: each for each in rendered.objects}
    assert result["Deployment"]["spec"]["replicas"] == 3
    assert result["Thing"]["metadata"]["labels"]["kube"] == "v1.35.4"


async def test_values_that_the_schema_of_the_chart_refuses_are_named(folder: Path) -> None:
    """The message holds the chart and the field."""
    with pytest.raises(kit.Reject, match=r"the values do not fit the chart demo.*replicas") as refused:
        await render(folder, values={"replicas": "many"})
    assert refused.value.failure.code == "MW5103"


async def test_a_hook_that_would_have_to_run_is_refused_by_name(folder: Path) -> None:
    """A Job that runs before an installation is not silently left out, and not simply applied."""
    with pytest.raises(kit.Reject, match=r"Job migrate \(pre-install, pre-upgrade\)") as refused:
        await render(folder, values={"hook": "Job"})
    assert refused.value.failure.code == "MW5105"


async def test_a_hook_that_is_a_plain_object_is_applied(folder: Path) -> None:
    """A ConfigMap that Helm would create a little earlier is an object like others."""
    assert "ConfigMap migrate" in names(await render(folder, values={"hook": "ConfigMap"}))


async def test_the_same_chart_has_the_same_digest_and_another_has_another(folder: Path, archive: Path) -> None:
    """The digest of a folder is over its files, that of an archive over its bytes."""
    first, again, packed = await render(folder), await render(folder), await render(archive)
    assert first.digest == again.digest != packed.digest
    assert first.objects == packed.objects
    (folder / "README.md").write_text("other")
    assert (await render(folder)).digest != first.digest


async def test_a_chart_is_found_in_a_folder_of_charts(folder: Path, archive: Path) -> None:
    """By its name, as a folder or as an archive; one that is not there is named."""
    assert (await render(folder.parent)).version == "1.2.3"
    assert (await render(archive.parent, version="1.2.3")).version == "1.2.3"
    with pytest.raises(kit.Reject, match=r"no chart demo 9\.9\.9") as refused:
        await render(archive.parent, version="9.9.9")
    assert refused.value.failure.code == "MW5101"


async def test_a_chart_that_is_none_says_so(tmp_path: Path) -> None:
    """The message names what was asked for and the option that names another place."""
    with pytest.raises(kit.Reject) as refused:
        await render(tmp_path / "nothing")
    assert refused.value.failure.code == "MW5101"
    assert "--chart PATH" in refused.value.failure.remedy


@pytest.mark.parametrize("scheme", ["http", "oci"])
async def test_without_a_network_the_message_names_the_chart_and_the_way_out(scheme: str) -> None:
    """Neither a repository nor a registry: the remedy is a chart that lies on this machine."""
    with pytest.raises(kit.Reject) as refused:
        await render(f"{scheme}://127.0.0.1:9/charts")
    failure = refused.value.failure
    assert failure.code == "MW5102", failure
    assert "demo" in failure.what
    assert "--chart PATH" in failure.remedy
    assert failure.retryable


async def test_a_template_that_never_ends_is_ended(folder: Path) -> None:
    """The child is gone when the call ends, by time or because nobody waits any more."""
    with pytest.raises(kit.Reject, match="longer than") as refused:
        await render(folder, timeout=3.0, values={"loop": 10_000_000})
    assert refused.value.failure.code == "MW5107"
    task = asyncio.create_task(render(folder, values={"loop": 10_000_000}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _children() == []


async def test_a_template_sees_nothing_of_the_worker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its environment nor names on its network."""
    monkeypatch.setenv("MESHWRIGHT_SECRET", "hunter2")
    assert "MESHWRIGHT_SECRET" not in charts._environment("/")
    (folder / "templates" / "env.yaml").write_text('a: {{ env "MESHWRIGHT_SECRET" }}')
    with pytest.raises(kit.Reject) as refused:
        await render(folder)
    assert refused.value.failure.code in ("MW5101", "MW5104")


async def test_without_helm_the_message_names_every_way_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra, a program on the PATH, or the variable that names one."""
    monkeypatch.setattr(charts, "engine", lambda: "")
    with pytest.raises(kit.Reject) as refused:
        await render(folder)
    assert refused.value.failure.code == "MW5106"
    assert "meshwright[helm]" in refused.value.failure.remedy


def _children() -> list[str]:
    """The helm children of this process."""
    result = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [each for each in result if "child.py" in Path(f"/proc/{each}/cmdline").read_text()]
