"""What the API server asks before it makes a pod, in the place of an istiod that no node of the test bed runs."""

import base64
import ssl
from pathlib import Path
from typing import Any

from aiohttp import web

from rig.stack.tls import Authority

ADMIT = "/inject"


class Admission:
    """Admits every pod, in the place of an istiod that no node of these tests runs."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.authority.tls("127.0.0.1")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.port = 0
        self.runner: web.AppRunner

    @property
    def values(self) -> dict[str, Any]:
        """The values of Istio's chart that have the API server ask here."""
        bundle = base64.b64encode(self.authority.file.read_bytes()).decode()
        url = f"https://127.0.0.1:{self.port}{ADMIT}"
        return {"istiodRemote": {"injectionURL": url, "injectionCABundle": bundle}}

    async def answer(self, request: web.Request) -> web.Response:
        """Yes."""
        asked = await request.json()
        response = {"uid": asked["request"]["uid"], "allowed": True}
        return web.json_response({"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": response})

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post(ADMIT, self.answer)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=self._context).start()
        self.port = self.runner.addresses[0][1]
