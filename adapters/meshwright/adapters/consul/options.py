"""What a worker of this adapter can be told by its environment.

Invariant: read once, by the kit, when the worker starts.
"""

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is the environment variable MESHWRIGHT_CONSUL_<FIELD>."""

    ingress_port: int = 8080
    """on which ingress gateways listen for the hosts that intents expose; the gateway's admin opens it"""
