"""The desired state of a mesh: its workloads, the designs applied to it, its certificate generation.

Problem: several replicas serve proxies of the same mesh, and operations must be undoable. Invariant: the whole desired
state of one mesh is one JSON entry, changed only by the pure functions here; equal states are equal bytes, `version`
names them, and everything that a proxy receives follows from the state alone.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from meshwright.adapters.envoy.state import identity
from meshwright.schemas.base import Model, Name
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import AnyIntent, NativeResource
from meshwright.schemas.workloads import WorkloadSpec


class Ports(Model, frozen=True, kw_only=True):
    """The ports of a sidecar: for its own workload, and for the mesh."""

    outbound: int
    inbound: int


class Member(Model, frozen=True, kw_only=True):
    """An enrolled workload and the ports of its sidecar."""

    spec: WorkloadSpec
    ports: Ports


class AppliedDesign(Model, frozen=True, kw_only=True):
    """The present contribution of a design. `workloads` are those that it enrolled and withdraws with it."""

    revision: int
    intents: list[AnyIntent] = []
    resources: list[NativeResource] = []
    workloads: list[Name] = []


class DesiredState(Model, frozen=True, kw_only=True):
    """The desired state of one mesh; also the facts for the translation of intents."""

    workspace: Name
    mesh: Name
    connection: Name
    trust_domain: str = "mesh.local"
    workloads: dict[str, Member] = {}
    designs: dict[str, AppliedDesign] = {}
    certificate_generation: int = 1

    def services(self) -> dict[str, dict[str, list[Member]]]:
        """Members by service and version, in the order of their names."""
        services: dict[str, dict[str, list[Member]]] = {}
        for _, member in sorted(self.workloads.items()):
            services.setdefault(member.spec.service, {}).setdefault(member.spec.version, []).append(member)
        return services

    def intents(self) -> list[AnyIntent]:
        """All intents of all designs, in the order of the designs' names."""
        return [intent for _, applied in sorted(self.designs.items()) for intent in applied.intents]

    def native_resources(self) -> list[NativeResource]:
        """All native resources of all designs, in the order of the designs' names."""
        return [each for _, applied in sorted(self.designs.items()) for each in applied.resources]

    def node(self, workload: str) -> identity.NodeId:
        """The node id of a workload's proxy."""
        return identity.NodeId(self.workspace, self.mesh, workload)

    def spiffe_id(self, workload: str) -> str:
        """The identity of a workload."""
        return identity.spiffe_id(self.trust_domain, self.workspace, workload)


def encode(state: DesiredState) -> bytes:
    """The canonical bytes of a state."""
    return msgspec.json.encode(state, order="deterministic")


def decode(value: bytes) -> DesiredState:
    """Decode a state.

    Raises msgspec.ValidationError or msgspec.DecodeError.
    """
    return msgspec.json.decode(value, type=DesiredState)


def version(state: DesiredState) -> str:
    """The name of this state: equal for equal states on every replica."""
    return hashlib.blake2b(encode(state), digest_size=6).hexdigest()


def settle(state: DesiredState, trust_domain: str) -> DesiredState:
    """The mesh with these settings."""
    return msgspec.structs.replace(state, trust_domain=trust_domain)


def enrol(state: DesiredState, specs: Iterable[WorkloadSpec], ports: Mapping[str, Ports]) -> DesiredState:
    """The state with these workloads; an existing workload keeps its ports.

    Raises KeyError when a new workload has no entry in `ports`.
    """
    members = dict(state.workloads)
    for spec in specs:
        present = members.get(spec.name)
        members[spec.name] = Member(spec=spec, ports=present.ports if present else ports[spec.name])
    return msgspec.structs.replace(state, workloads=members)


def withdraw(state: DesiredState, names: Iterable[str]) -> DesiredState:
    """The state without these workloads, which no longer belong to a design either; unknown names change nothing."""
    gone = set(names)
    members = {name: member for name, member in state.workloads.items() if name not in gone}
    designs = {
        key: msgspec.structs.replace(each, workloads=[name for name in each.workloads if name not in gone])
        for key, each in state.designs.items()
    }
    return msgspec.structs.replace(state, workloads=members, designs=designs)


def apply_design(
    state: DesiredState, design: Design, revision: int, ports: Mapping[str, Ports] | None = None
) -> DesiredState:
    """The state with this design in place of its former revision.

    Workloads that only the former revision enrolled are withdrawn. Raises KeyError when a new workload has no entry in
    `ports`.
    """
    former = state.designs.get(design.id)
    brought = set(former.workloads) if former else set()
    listed = [spec.name for spec in design.workloads]
    owned = [name for name in listed if name in brought or name not in state.workloads]
    kept = withdraw(state, brought - set(listed))
    enrolled = enrol(kept, design.workloads, ports or {})
    applied = AppliedDesign(revision=revision, intents=design.intents, resources=design.resources, workloads=owned)
    return msgspec.structs.replace(enrolled, designs={**enrolled.designs, design.id: applied})


def remove_design(state: DesiredState, name: str) -> DesiredState:
    """The state without this design and without the workloads that it enrolled."""
    former = state.designs.get(name)
    if former is None:
        return state
    designs = {key: value for key, value in state.designs.items() if key != name}
    return msgspec.structs.replace(withdraw(state, former.workloads), designs=designs)


def rotate(state: DesiredState) -> DesiredState:
    """The state in which every proxy needs a new certificate."""
    return msgspec.structs.replace(state, certificate_generation=state.certificate_generation + 1)
