"""The dependencies of handlers, created once at the start and passed to every call.

Invariant: no other module of this package holds a client or a cache of its own.
"""

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.security import sealing, ssrf
from meshwright.core.security.connection_rules import Rules
from meshwright.ui_api.access.authentication import AccessControl
from meshwright.ui_api.access.callers import Callers
from meshwright.ui_api.access.sessions import Sessions
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.http.refusals import Refusals
from meshwright.ui_api.live.quota import StreamQuota
from meshwright.ui_api.live.streaming import Hub
from meshwright.ui_api.reading.freshness import Freshness
from meshwright.ui_api.reading.paging import Tokens
from meshwright.ui_api.requests.directory import Directory
from meshwright.ui_api.requests.live_adapters import LiveAdapters


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a running API process."""

    bus: mwbus.Bus
    storing: mwbus.Storing
    views: store.Views
    freshness: Freshness
    directory: Directory
    live_adapters: LiveAdapters
    access_control: AccessControl
    sessions: Sessions
    callers: Callers
    hub: Hub
    streams: StreamQuota
    pages: Tokens
    meters: Meters
    refusals: Refusals
    sealer: sealing.Sealer | None
    """None: this process cannot seal secrets"""
    reachable: ssrf.Policy
    """the destinations that webhooks may use"""
    connection_rules: Rules
    """the destinations that connections may use, and what their kubeconfigs may contain"""
