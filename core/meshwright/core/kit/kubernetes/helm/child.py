"""The child process that renders a chart: run by path, with one request on stdin and one answer on stdout, both JSON.

Problem: Helm's engine is a Go library; what it does to a process (threads, signals, memory) is not for a worker, and a
template may loop for ever. Invariant: nothing of Meshwright is imported here, so that the child begins in a moment;
whatever goes wrong is an answer `{"error": kind, "message": …}`.
"""

import hashlib
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MOST_MEMORY = 2 * 1024**3
"""bytes of data that engine and templates may have"""
MOST_CPU = 600
"""seconds, for a child whose worker died and cannot end it"""
_SEPARATOR = re.compile(r"(?:^|\s*\n)---[ \t]*(?=\n|$|#)")
_SOURCE = re.compile(r"^# Source: (\S+)", re.MULTILINE)
_NETWORK = re.compile(
    r"no such host|dial tcp|connection refused|i/o timeout|network is unreachable|proxyconnect|TLS handshake"
    r"|context deadline exceeded|x509|EOF$|not a valid chart repository|failed to fetch",
    re.IGNORECASE,
)


class Refused(Exception):
    """The chart cannot be rendered; `kind` is one of load, network, values, render, engine, yaml."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Loader(yaml.CSafeLoader):
    """YAML as Helm reads it: a date is text, and so is `12:30`; `yes` is a boolean."""


def _resolvers() -> None:
    Loader.yaml_implicit_resolvers = {}
    number = list("-+0123456789.")
    boolean = r"^(?:y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE|n|N|no|No|NO|off|Off|OFF|false|False|FALSE)$"
    for tag, pattern, first in (
        ("bool", boolean, list("yYnNtTfFoO")),
        ("int", r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+|0o?[0-7_]+)$", number),
        ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", number),
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("merge", r"^<<$", ["<"]),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)
    Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)
    Loader.add_constructor("tag:yaml.org,2002:int", _whole)
    Loader.add_constructor("tag:yaml.org,2002:float", _number)


def _boolean(loader: Loader, node: Any) -> bool:
    return str(loader.construct_scalar(node)).lower() in ("y", "yes", "on", "true")


def _whole(loader: Loader, node: Any) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    digits = text.lstrip("+-")
    octal = digits.startswith("0") and digits.isdecimal() and digits != "0"
    return int(text, 8) if octal else int(text, 0)


def _number(loader: Loader, node: Any) -> float | int:
    """Whole where it is whole, as in the JSON that Helm sends."""
    number = float(str(loader.construct_scalar(node)))
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def documents(text: str) -> Iterator[tuple[str, str]]:
    """The documents of a rendered template, each with the template's name if it says so."""
    for each in _SEPARATOR.split(text):
        if each.strip():
            source = _SOURCE.search(each)
            yield (source[1] if source else ""), each


def objects(name: str, text: str) -> Iterator[dict[str, Any]]:
    """The objects of a rendered template, lists taken apart."""
    for source, each in documents(text):
        where = source or name
        try:
            document = yaml.load(each, Loader=Loader)  # noqa: S506 - a safe loader with other scalars
        except yaml.YAMLError as error:
            raise Refused("yaml", f"{where} became no YAML: {' '.join(str(error).split())[:400]}") from error
        if document is None:
            continue
        if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
            raise Refused("yaml", f"{where} became something that is no Kubernetes object: {str(document)[:200]}")
        items = document.get("items") if str(document["kind"]).endswith("List") else None
        for body in items if isinstance(items, list) else [document]:
            yield {"source": where, "body": body}


def digest(path: Path) -> str:
    """The SHA-256 of an archive, or of all files of a folder with their names."""
    if path.is_file():
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    whole = hashlib.sha256()
    for each in sorted(file for file in path.rglob("*") if file.is_file()):
        content = hashlib.sha256(each.read_bytes()).hexdigest()
        whole.update(f"{content}  {each.relative_to(path).as_posix()}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def find(request: dict[str, Any]) -> Path:
    """The chart of a request on this host: as it lies there, in a folder of charts, or fetched."""
    location, name, version = request["location"], request["name"], request["version"]
    if "://" in location:
        return _fetch(location, name, version, Path(request["directory"]), request["engine"])
    path = Path(location)
    if path.is_file() or (path / "Chart.yaml").is_file():
        return path
    folders = [each.parent for each in sorted(path.rglob("Chart.yaml")) if _name(each) == name]
    folders = [each for each in folders if "charts" not in each.relative_to(path).parts[1:-1]] or folders
    archives = sorted(path.glob(f"{name}-{version or '[0-9]*'}.tgz"))
    if len(folders) + len(archives) == 1:
        return (folders + archives)[0]
    if not folders and not archives:
        raise Refused("load", f"{location} holds no chart {name}{f' {version}' if version else ''}")
    several = ", ".join(str(each) for each in folders + archives)
    raise Refused("load", f"{location} holds several charts {name}: {several}")


def _name(definition: Path) -> str:
    try:
        content = yaml.load(definition.read_text(), Loader=Loader)  # noqa: S506 - a safe loader with other scalars
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    return str(content.get("name", "")) if isinstance(content, dict) else ""


def _fetch(location: str, name: str, version: str, directory: Path, engine: str) -> Path:
    oci = location.startswith("oci://")
    reference = f"{location.rstrip('/')}/{name}" if oci else name
    repository = None if oci else location
    if engine == "sdk":
        import helm_python

        try:
            helm_python.pull(reference, repo_url=repository, version=version or None, destination=directory)
        except helm_python.HelmError as error:
            raise Refused("network" if _NETWORK.search(str(error)) else "load", str(error)) from error
    else:
        command = ["pull", reference, "--destination", str(directory)]
        command += ["--repo", repository] if repository else []
        command += ["--version", version] if version else []
        _helm(engine, command)
    archives = sorted(directory.glob("*.tgz"))
    if not archives:
        raise Refused("load", f"{location} gave no chart {name}")
    return archives[0]


def with_library(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Render with Helm's engine in this process."""
    import helm_python
    from helm_python import _native

    options = {
        "name": request["release"],
        "namespace": request["namespace"],
        "is_upgrade": request["upgrade"],
        "is_install": not request["upgrade"],
        "api_versions": request["api_versions"],
    }
    options |= {"kube_version": request["kube_version"]} if request["kube_version"] else {}
    try:
        with helm_python.Chart.load(path) as chart:
            chart.validate_schema(request["values"])
            arguments = json.dumps(request["values"]), json.dumps(options)
            rendered = json.loads(_native.call_string("helm_render", chart._raw(), *arguments))
            metadata, crds = chart.metadata, [(each["filename"], each["data"]) for each in chart.crds]
    except helm_python.HelmValuesError as error:
        raise Refused("values", str(error)) from error
    except helm_python.HelmRenderError as error:
        raise Refused("values" if "schema" in str(error) else "render", str(error)) from error
    except helm_python.HelmError as error:
        raise Refused("load", str(error)) from error
    notes = [text for name, text in rendered.items() if name.endswith("NOTES.txt")]
    templates = [
        (name, text)
        for name, text in sorted(rendered.items())
        if not name.endswith("NOTES.txt") and not name.rpartition("/")[2].startswith("_")
    ]
    return _answer(metadata, crds, templates, "\n".join(notes))


def with_program(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Render with a `helm` program."""
    program = request["engine"]
    metadata = yaml.load(_helm(program, ["show", "chart", str(path)]), Loader=Loader)  # noqa: S506 - a safe loader
    crds = [("crds", _helm(program, ["show", "crds", str(path)]))]
    values = Path(request["directory"]) / "values.json"
    values.write_text(json.dumps(request["values"]))
    command = ["template", request["release"], str(path), "--namespace", request["namespace"], "-f", str(values)]
    command += ["--is-upgrade"] if request["upgrade"] else []
    command += ["--kube-version", request["kube_version"]] if request["kube_version"] else []
    command += [part for each in request["api_versions"] for part in ("--api-versions", each)]
    return _answer(metadata, crds, [("", _helm(program, command))], "")


def _helm(program: str, arguments: list[str]) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    output = done.stderr.strip()[-1500:]
    if arguments[0] == "pull":
        raise Refused("network" if _NETWORK.search(output) else "load", output)
    if arguments[0] == "show":
        raise Refused("load", output)
    raise Refused("values" if "schema" in output else "render", output)


def _answer(
    metadata: dict[str, Any], crds: list[tuple[str, str]], templates: list[tuple[str, str]], notes: str
) -> dict[str, Any]:
    return {
        "name": str(metadata.get("name", "")),
        "version": str(metadata.get("version", "")),
        "app_version": str(metadata.get("appVersion", "")),
        "kube_version": str(metadata.get("kubeVersion", "")),
        "crds": [each for name, text in crds for each in objects(name, text)],
        "objects": [each for name, text in templates for each in objects(name, text)],
        "notes": notes,
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What a request becomes; see `charts`."""
    try:
        path = find(request)
        checksum = digest(path)
        render = with_library if request["engine"] == "sdk" else with_program
        return {**render(path, request), "digest": checksum}
    except Refused as refused:
        return {"error": refused.kind, "message": str(refused)}
    except ImportError as error:
        return {"error": "engine", "message": str(error)}
    except OSError as error:
        return {"error": "load", "message": str(error)}
    except (MemoryError, RecursionError) as error:
        return {"error": "render", "message": f"the chart needs too much: {type(error).__name__}"}


def main() -> None:
    """Answer the one request on stdin."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the engine prints is no answer
    _resolvers()
    json.dump(answer(request), out)
    out.flush()


if __name__ == "__main__":
    main()
