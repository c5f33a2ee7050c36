"""The projection, for operators of Meshwright: the messages that it could not fold into the views."""

import msgspec
from starlette.responses import Response

from meshwright.schemas.base import Model, Moment
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.queries import LARGEST_PAGE, Page
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views

routes = Routes("projection")


class SetAsideMessage(Model, frozen=True, kw_only=True):
    """A message that is stored and could not be folded into a view; its payload stays in the stream, at `seq`."""

    stream: str
    seq: int
    subject: str
    type: str
    reason: str
    time: Moment


@routes.add(
    "GET",
    "/v1/system/set-aside",
    "listSetAside",
    role="admin",
    everywhere=True,
    query=Page,
    answer=views.listed(SetAsideMessage),
    problems=("store-unavailable", "not-yet-visible"),
)
async def set_aside(call: Call[NoBody, Page]) -> Response:
    """List messages that could not be projected and why, the newest first. Needs an admin of all workspaces."""
    await views.settle(call, "EVENTS")
    offset = int(call.api.pages.read(call.query.page_token, "set-aside") or 0)
    size = min(call.query.page_size, LARGEST_PAGE)
    rows = await call.api.views.set_aside(limit=size, offset=offset)
    items = [msgspec.convert(one, SetAsideMessage, from_attributes=True) for one in rows]
    more = str(offset + size) if len(rows) == size else ""
    return answers.ok({"items": items, "next_page_token": call.api.pages.sign(more, "set-aside")})
