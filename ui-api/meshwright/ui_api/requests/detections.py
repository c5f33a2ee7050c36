"""Detecting the meshes on a connection with every adapter that can.

Invariant: nothing is changed; an adapter that does not answer hides no mesh of another one, and is reported as a
problem.
"""

import asyncio

import msgspec

from meshwright.schemas.connections import Connection
from meshwright.schemas.errors import FieldError
from meshwright.schemas.meshes import DetectionRequest, Detections
from meshwright.ui_api.api import Api
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.requests import previews

_DETECTIONS = msgspec.json.Decoder(Detections)


async def detect(api: Api, workspace: str, connection: Connection, seq: int) -> Detections:
    """The meshes of a connection, as it is at `seq` of STATE. Raises Refusal, BusUnavailable."""
    adapters = api.live_adapters.detectors(connection.kind)
    question = msgspec.json.encode(DetectionRequest(workspace=workspace, connection=connection.id, seq=seq))
    answers = await asyncio.gather(*(_asked(api, each, question) for each in adapters))
    return Detections(
        meshes=[mesh for each in answers for mesh in each.meshes],
        notes=[note for each in answers for note in each.notes],
        problems=[problem for each in answers for problem in each.problems],
    )


async def _asked(api: Api, adapter: str, question: bytes) -> Detections:
    try:
        return await previews.ask(api, adapter, "detect", question, _DETECTIONS, previews.PREVIEW_S)
    except Refusal as refused:
        return Detections(problems=[FieldError(detail=f"{adapter}: {refused.detail}"[:2000])])
