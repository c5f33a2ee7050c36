"""Charts come from a folder, a repository and an OCI registry, by the library as by a real `helm` program.

Both servers are on loopback and made here; the registry speaks TLS, as registries do.
"""

import asyncio
import contextlib
import functools
import hashlib
import http.server
import json
import ssl
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import kit
from meshwright.core.kit.kubernetes import helm
from meshwright.core.kit.kubernetes.helm import charts
from rig.stack.tls import Authority
from testbed import programs
from testbed.fixtures import skip_unless_built

pytestmark = pytest.mark.timeout(300)
VERSIONS = ("1.2.3", "1.10.0")
FILES = {
    "values.yaml": "size: 1\n",
    "values.schema.json": json.dumps({"type": "object", "properties": {"size": {"type": "integer"}}}),
    "crds/thing.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata: {name: things.example.org}\nspec: {group: example.org}\n",
    "templates/map.yaml": "apiVersion: v1\nkind: ConfigMap\n"
    "metadata: {name: {{ .Release.Name }}-{{ .Chart.Version }}}\n"
    "data: {size: '{{ .Values.size }}', kube: {{ .Capabilities.KubeVersion.Version }},"
    " thing: '{{ .Capabilities.APIVersions.Has \"example.org/v1/Thing\" }}', again: '{{ .Release.IsUpgrade }}'}\n",
    "templates/tests/check.yaml": "apiVersion: v1\nkind: Pod\n"
    'metadata: {name: check, annotations: {"helm.sh/hook": test}}\n',
}


@pytest.fixture(params=["library", "program"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What renders."""
    if request.param == "program":
        skip_unless_built(programs.HELM)
        monkeypatch.setenv(charts.HELM, str(programs.HELM.path))
    else:
        monkeypatch.delenv(charts.HELM, raising=False)
        if charts.engine() != "sdk":
            pytest.skip("no library: pip install 'meshwright[helm]'")
    return str(request.param)


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """A folder with two versions of one chart, and the index of a repository of them."""
    folder, entries = tmp_path / "archives", []
    folder.mkdir()
    for version in VERSIONS:
        made = tmp_path / version / "demo"
        for name, text in {**FILES, "Chart.yaml": f"apiVersion: v2\nname: demo\nversion: {version}\n"}.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_text(text)
        with tarfile.open(folder / f"demo-{version}.tgz", "w:gz") as tar:
            tar.add(made, "demo")
        entries.append({"apiVersion": "v2", "name": "demo", "version": version, "urls": [f"demo-{version}.tgz"]})
    (folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": {"demo": entries}}))
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Registry(http.server.BaseHTTPRequestHandler):
    """As much of the OCI distribution API as pulling needs, for the archives of a folder as `charts/demo`."""

    def __init__(self, *args: Any, directory: Path) -> None:
        self.content = content(directory)
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer with what is there."""
        kind, body = self.content.get(self.path.partition("?")[0], ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest(body))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server asks for

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def digest(body: bytes) -> str:
    """As registries write it."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def content(directory: Path) -> dict[str, tuple[str, bytes]]:
    """The type and the bytes of each path of the registry."""
    base, manifest = "/v2/charts/demo", "application/vnd.oci.image.manifest.v1+json"
    tags = json.dumps({"name": "charts/demo", "tags": list(VERSIONS)}).encode()
    paths = {"/v2/": ("application/json", b"{}"), f"{base}/tags/list": ("application/json", tags)}
    for version in VERSIONS:
        config = json.dumps({"apiVersion": "v2", "name": "demo", "version": version}).encode()
        parts = [
            ("application/vnd.cncf.helm.config.v1+json", config),
            ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", (directory / f"demo-{version}.tgz").read_bytes()),
        ]
        paths |= {f"{base}/blobs/{digest(body)}": ("application/octet-stream", body) for _, body in parts}
        first, second = ({"mediaType": kind, "digest": digest(body), "size": len(body)} for kind, body in parts)
        document = {"schemaVersion": 2, "mediaType": manifest, "config": first, "layers": [second]}
        body = json.dumps(document).encode()
        paths |= {f"{base}/manifests/{name}": (manifest, body) for name in (version, digest(body))}
    return paths


@contextlib.contextmanager
def serving(handler: Any, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on loopback; gives `127.0.0.1:PORT`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def repository(archives: Path) -> Iterator[str]:
    """A repository of charts."""
    with serving(functools.partial(Quiet, directory=str(archives))) as place:
        yield f"http://{place}"


@pytest.fixture
def registry(archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An OCI registry whose certificate the host trusts."""
    authority = Authority(tmp_path)
    authority.tls("127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with serving(functools.partial(Registry, directory=archives), context) as place:
        yield f"oci://{place}/charts"


async def render(location: str, version: str = "1.2.3", **options: Any) -> helm.Rendered:
    """Render the chart as release `r`."""
    chart = helm.Chart(name="demo", location=location, version=version)
    return await helm.render(chart, helm.Rendering(release="r", namespace="ns", **options), timeout=120)


async def test_a_chart_is_the_same_wherever_it_comes_from(
    engine: str, archives: Path, repository: str, registry: str
) -> None:
    """Folder, repository and registry: the same objects and the same digest, that of the archive."""
    wanted: dict[str, Any] = {
        "values": {"size": 7},
        "kube_version": "v1.35.4",
        "api_versions": ["example.org/v1/Thing"],
        "upgrade": True,
    }
    first, *others = await asyncio.gather(*(render(each, **wanted) for each in (str(archives), repository, registry)))
    archive = (archives / "demo-1.2.3.tgz").read_bytes()
    assert (first.name, first.version, first.digest) == ("demo", "1.2.3", digest(archive))
    assert [each["kind"] for each in first.objects] == ["CustomResourceDefinition", "ConfigMap"]
    assert first.objects[1]["metadata"]["name"] == "r-1.2.3"
    assert first.objects[1]["data"] == {"size": "7", "kube": "v1.35.4", "thing": "true", "again": "true"}
    assert others == [first, first]


async def test_without_a_version_the_newest_is_meant(engine: str, repository: str, registry: str) -> None:
    """By the rules of versions, not of letters: 1.10.0 is newer than 1.2.3."""
    both = await asyncio.gather(render(repository, ""), render(registry, ""))
    assert [each.version for each in both] == ["1.10.0", "1.10.0"]


@pytest.mark.parametrize("place", ["archives", "repository", "registry"])
async def test_what_is_not_there_is_named(engine: str, place: str, request: pytest.FixtureRequest) -> None:
    """A version that nobody has: the message names the chart with it, and the option for another place."""
    with pytest.raises(kit.Reject) as refused:
        await render(str(request.getfixturevalue(place)), "9.9.9")
    failure = refused.value.failure
    assert "demo 9.9.9" in failure.what
    assert "--chart PATH" in failure.remedy


@pytest.mark.parametrize("scheme", ["http", "oci"])
async def test_without_a_network_the_way_out_is_named(engine: str, scheme: str) -> None:
    """Neither a repository nor a registry answers: the remedy is a chart that lies on this machine."""
    with pytest.raises(kit.Reject) as refused:
        await render(f"{scheme}://127.0.0.1:9/charts")
    failure = refused.value.failure
    assert (failure.code, failure.retryable) == ("MW5102", True)
    assert "the chart demo 1.2.3 cannot be fetched" in failure.what
    assert "--chart PATH" in failure.remedy


async def test_values_that_the_charts_schema_refuses_are_named(engine: str, archives: Path) -> None:
    """Whatever renders it."""
    with pytest.raises(kit.Reject) as refused:
        await render(str(archives), values={"size": "many"})
    assert refused.value.failure.code == "MW5103"
    assert "size" in refused.value.failure.what
