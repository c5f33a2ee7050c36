"""What a cluster defines of kinds, and what the pods of a mesh have logged: the same for all meshes of Kubernetes."""

from collections.abc import Collection

from meshwright.core.kit import pod_logs
from meshwright.core.kit.adapter import Adapter
from meshwright.core.kit.kubernetes.clusters import cluster_of
from meshwright.core.kit.structural import Definitions
from meshwright.core.kit.target import Scope
from meshwright.schemas.workloads import LogPart, LogRequest


def register(adapter: Adapter, proxies: frozenset[str]) -> None:
    """Register both for an adapter whose proxies run in containers of these names."""

    async def definitions(scope: Scope, kinds: Collection[tuple[str, str]]) -> Definitions:
        return await (await cluster_of(scope)).definitions.of(kinds)

    async def logs(scope: Scope, request: LogRequest) -> list[LogPart]:
        return await pod_logs.read(await cluster_of(scope), request, proxies)

    adapter.definitions(definitions)
    adapter.logs(logs)
