"""From the settings of a connection to a session that reaches its API server.

Invariant: what comes here has kept the rules for connections, so it runs nothing and reads no file of the host, besides
what an admin allowed; credentials are on disk only while the TLS context reads them, in a directory of their own.
"""

import asyncio
import base64
import binascii
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from kubernetes_asyncio.client.configuration import Configuration
from kubernetes_asyncio.client.rest import RESTClientObject
from kubernetes_asyncio.config.config_exception import ConfigException
from kubernetes_asyncio.config.incluster_config import load_incluster_config
from kubernetes_asyncio.config.kube_config import KubeConfigLoader

from meshwright.core.kit.kubernetes import errors
from meshwright.core.security import kubeconfig
from meshwright.schemas.connections import Kubernetes

RENEW = 60.0
"""seconds after which credentials that a command or a file gives are looked at again; they know their own end"""
_RENEWABLE = frozenset({"exec", "auth-provider", "tokenFile"})
_GIVING = 30.0
"""seconds that they may take"""
_NO_LIMIT = 0
"""Connections: requests are bounded by the client, and each watch holds one."""


class InvalidConnection(errors.Refused):
    """The settings of the connection lead nowhere."""

    code = "MW5015"
    remedy = "Set the connection anew with `meshwright connections set`."


class Access(msgspec.Struct, frozen=True):
    """A session with an API server, and the header that says who we are (asked for anew before each request)."""

    server: str
    namespace: str
    session: aiohttp.ClientSession
    authorization: Callable[[], Awaitable[str | None]]
    server_hostname: str | None = None
    proxy: str | None = None


async def access(settings: Kubernetes) -> Access:
    """The way into the cluster of these settings. Raises InvalidConnection."""
    try:
        if settings.in_cluster:
            return _opened(*_in_cluster())
        return await _by_kubeconfig(settings)
    except (ConfigException, ssl.SSLError, binascii.Error, ValueError, AssertionError, OSError) as error:
        raise InvalidConnection(f"the connection cannot be used: {error}") from error


def _in_cluster() -> tuple[Configuration, str]:
    configuration = Configuration()
    load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    return configuration, namespace.read_text().strip() if namespace.is_file() else "default"


async def _by_kubeconfig(settings: Kubernetes) -> Access:
    if not settings.kubeconfig:
        raise InvalidConnection("the connection has neither a kubeconfig nor in_cluster")
    way = kubeconfig.access(settings.kubeconfig, settings.context)
    with tempfile.TemporaryDirectory(prefix="meshwright-") as folder:
        # Written by us and not by the loader, which would keep them until the process ends.
        for part, fields in (("cluster", way.cluster), ("user", way.user)):
            for key in ("certificate-authority", "client-certificate", "client-key"):
                if data := fields.pop(f"{key}-data", None):
                    path = Path(folder) / f"{part}-{key}"
                    path.touch(mode=0o600)
                    path.write_bytes(base64.b64decode(str(data)))
                    fields[key] = str(path)
        configuration = Configuration()
        await KubeConfigLoader(_document(way), way.context, config_base_path="").load_and_set(configuration)
        opened = _opened(configuration, way.namespace)
    if _RENEWABLE & way.user.keys():
        return msgspec.structs.replace(opened, authorization=_Renewed(way).authorization)
    return opened


def _document(way: kubeconfig.Access) -> dict[str, Any]:
    """A kubeconfig of one way alone."""
    named = {"name": way.context}
    return {
        "current-context": way.context,
        "contexts": [{**named, "context": {"cluster": way.context, "user": way.context}}],
        "clusters": [{**named, "cluster": way.cluster}],
        "users": [{**named, "user": way.user}],
    }


class _Renewed:
    """The token of a user whose command or file gives another one before it ends. An admin has allowed them."""

    def __init__(self, way: kubeconfig.Access) -> None:
        named = {key: value for key, value in way.user.items() if not key.startswith("client-")}
        bare = msgspec.structs.replace(way, cluster={"server": way.server}, user=named)
        self._loader = KubeConfigLoader(_document(bare), way.context, config_base_path="")
        self._configuration = Configuration()
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def authorization(self) -> str | None:
        """The token as it is now. Raises Unauthorized."""
        loop = asyncio.get_running_loop()
        async with self._looking:
            if loop.time() > self._looked_at + RENEW:
                try:
                    async with asyncio.timeout(_GIVING):
                        await self._loader.load_and_set(self._configuration)
                except (ConfigException, TimeoutError, OSError, ValueError) as error:
                    raise errors.Unauthorized(f"the kubeconfig gives no credentials: {error}") from error
                self._looked_at = loop.time()
        header: str | None = await self._configuration.get_api_key_with_prefix("BearerToken")
        return header


def _opened(configuration: Configuration, namespace: str) -> Access:
    configuration.connection_pool_maxsize = _NO_LIMIT
    configuration.disable_strict_ssl_verification = True  # clusters sign with authorities of their own making
    rest = RESTClientObject(configuration)

    async def authorization() -> str | None:
        header: str | None = await configuration.get_api_key_with_prefix("BearerToken")
        return header

    return Access(
        server=str(configuration.host).rstrip("/"),
        namespace=namespace,
        session=rest.pool_manager,
        authorization=authorization,
        server_hostname=rest.server_hostname,
        proxy=rest.proxy,
    )
