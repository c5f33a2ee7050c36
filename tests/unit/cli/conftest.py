"""A server that answers as a test says, and a terminal in which `meshwright` is called, both in this process.

Invariant: a command ends with one of the documented exit codes and without a traceback, or the test fails.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import certifi
import msgspec
import pytest
import typer.testing
from typer.testing import CliRunner

from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.ui_api.cli import program
from meshwright.ui_api.cli.exits import MEANINGS

APP = program.build()
COMMAND = typer.main.get_command(APP)
AUTHORITY = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"


class Call(msgspec.Struct):
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters."""
        return parse_qs(urlsplit(self.target).query)


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the test's server."""

    protocol_version = "HTTP/1.1"
    script: "Server"

    def handle_one_request(self) -> None:
        """One request; a client that has gone is no error here."""
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def serve(self) -> None:
        """Record the request and answer it."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        call = Call(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.script.calls.append(call)
        answer = self.script.next(call)
        if callable(answer):
            self.close_connection = True
            answer(self)
            return
        status, headers, content = answer
        self.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = serve  # noqa: N815 - the library's names

    def stream(self, *frames: str) -> None:
        """Begin an event stream, or go on with it."""
        if not getattr(self, "begun", False):
            self.begun = True
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            )
        for frame in frames:
            text = frame.encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(text), text))
        self.wfile.flush()


class Server:
    """Answers by path; the last answer of a path is given for ever, an unknown path is a 404 of ours."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: list[Call] = []
        self._answers: dict[str, list[Any]] = {}

    def on(self, path: str, *answers: Any) -> None:
        """What `METHOD /path` is answered: JSON data, (status, headers, bytes), or a function of the handler."""
        ready = [one if callable(one) or isinstance(one, tuple) else self.json(one) for one in answers]
        self._answers[path] = ready

    def next(self, call: Call) -> Any:
        """The answer to a request."""
        known = self._answers.get(f"{call.method} {call.path}") or self._answers.get("*") or [self.problem("not-found")]
        return known.pop(0) if len(known) > 1 else known[0]

    @staticmethod
    def json(value: Any, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """A JSON answer."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return status, {"content-type": "application/json", **named}, msgspec.json.encode(value)

    @staticmethod
    def problem(slug: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
        """A refusal as the API words it."""
        kind = PROBLEM_TYPES[slug]
        result = {"type": f"/problems/{slug}", "title": kind.title, "status": kind.status, "detail": "just so"}
        result |= {"instance": "/x", "errors": [], "remedy": kind.explanation, "trace_id": "0123456789abcdef", **more}
        return kind.status, {"content-type": "application/problem+json"}, msgspec.json.encode(result)

    @staticmethod
    def page(*items: Any) -> Any:
        """A list of one page."""
        return {"items": list(items), "next_page_token": ""}


class Terminal:
    """Where `meshwright` is called; no terminal in the sense of colours and questions."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str | None] = {
            "HOME": str(folder),
            "TZ": "UTC",
            "MESHWRIGHT_API_URL": url,
            "MESHWRIGHT_TOKEN": "a-token",
            "MESHWRIGHT_CONFIG": str(folder / "contexts.yaml"),
            "SSL_CERT_FILE": self.write("authorities.pem", AUTHORITY),  # all of them take a while to read
        }

    def run(self, *arguments: str, stdin: str = "", expect: int = 0, **environment: str | None) -> Any:
        """Run a command to its end and check its exit code; gives stdout and stderr."""
        result = CliRunner().invoke(APP, arguments, input=stdin, env={**self.environment, **environment})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise AssertionError(f"{arguments} showed a traceback") from result.exception
        assert result.exit_code == expect, f"{arguments}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        assert result.exit_code in MEANINGS
        return result

    def write(self, name: str, content: str | bytes) -> str:
        """A file in the folder; its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on a free port."""
    handler = type("Scripted", (Handler,), {})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    result = Server(f"http://127.0.0.1:{http.server_address[1]}")
    handler.script = result  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    yield result
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def terminal(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal whose commands go to the server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(typer.testing, "_get_command", lambda _: COMMAND)  # or every call builds all commands anew
    return Terminal(server.url, tmp_path)


Answer = Callable[[Handler], None]
