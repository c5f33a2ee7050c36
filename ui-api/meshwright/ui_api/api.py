"""What a handler may use: made once by the composition root, handed to every call.

Invariant: no module of this room holds a client or a cache of its own.
"""

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import sealing, ssrf, store
from meshwright.ui_api.auth import Gate
from meshwright.ui_api.directory import Directory
from meshwright.ui_api.freshness import Freshness
from meshwright.ui_api.meters import Meters
from meshwright.ui_api.paging import Tokens
from meshwright.ui_api.refusals import Refusals
from meshwright.ui_api.roster import Roster
from meshwright.ui_api.stream_quota import StreamQuota
from meshwright.ui_api.streaming import Hub


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a running API process."""

    bus: mwbus.Connection
    storing: mwbus.Storing
    views: store.Views
    freshness: Freshness
    directory: Directory
    roster: Roster
    gate: Gate
    hub: Hub
    streams: StreamQuota
    pages: Tokens
    meters: Meters
    refusals: Refusals
    sealer: sealing.Sealer | None
    """None: this process cannot keep secrets"""
    reachable: ssrf.Policy
    """where webhooks may lead"""
