"""Credentials of connections in a running stack: they are in no stored message, event or log."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meshwright.core.testing.eventually import eventually
from rig.stack.people import Person

pytestmark = pytest.mark.servers
SECRET = "s3cret-of-nobody-4711"
URL = "https://198.41.0.4"


async def test_no_file_and_no_answer_holds_a_credential(shared: Any, admin: Person) -> None:
    """Streams, the database, logs, the view, the event log and a refusal are searched for the plain text."""
    settings = {"url": URL, "token": SECRET}
    made = await admin.put("/v1/connections/prod", {"kind": "consul", "settings": settings}, expect=201)
    assert made.json()["credentials"] == ["/token"]
    bad = {"kind": "consul", "settings": {"url": "http://127.0.0.1", "token": SECRET}}
    told = await admin.problem("PUT", "/v1/connections/other", bad, status=422, slug="invalid-document")

    async def logged() -> Any:
        result = await admin.get("/v1/events", params={"entity": "connection"})
        return result["items"] if isinstance(result, dict) and result.get("items") else None

    seen = await eventually(logged, timeout=30)
    shown = await admin.get(f"/v1/connections/prod?min_seq={made.headers['Meshwright-Seq']}")
    assert shown["settings"] == {"url": URL}
    for answer in (made.text, told, seen, shown):
        assert SECRET not in str(answer)
    assert "ciphertext" not in str(seen)
    for folder in (shared.nats.folder, shared.mongo.folder, shared.folder):
        assert await asyncio.to_thread(_holding, Path(folder)) == []


def _holding(folder: Path) -> list[str]:
    """The files that hold the secret; other tests' databases may go while this one reads."""
    assert any(folder.iterdir())
    command = ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "--no-messages"]
    result = subprocess.run([*command, SECRET, str(folder)], capture_output=True, text=True, check=False)
    return result.stdout.splitlines()
