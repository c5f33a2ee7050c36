"""Intents: mesh-neutral requests that an adapter translates to native resources.

Invariant: an intent says *what*, never *how*; every adapter either translates one completely or answers `Unsupported`
with a reason. Rules that span fields (weights that add up) are in `intent_problems`.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, field

from meshwright.schemas.base import Duration, Model, Percent, ServiceName, VersionName, seconds, whole
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef, reference

HeaderName: TypeAlias = Annotated[str, Meta(pattern=whole("^[A-Za-z0-9-]{1,64}$"), examples=["x-canary"])]
Method: TypeAlias = Annotated[str, Meta(pattern=whole("^[A-Z]{1,32}$"), examples=["GET"])]
PathPrefix: TypeAlias = Annotated[str, Meta(pattern=whole("^/[!-~]{0,1023}$"), examples=["/api"])]
HttpStatus: TypeAlias = Annotated[int, Meta(ge=200, le=599, examples=[503])]
LONGEST_REGEX = 1024
"""maximum number of characters; a rule and not part of the type, since what was stored before must stay readable"""
_DURATIONS = ("timeout", "per_try_timeout", "delay", "per")
RetryOn: TypeAlias = Literal["5xx", "gateway-error", "connect-failure", "reset", "retriable-4xx"]


class Intent(Model, frozen=True, kw_only=True, tag_field="intent"):
    """The common part of all intents: the tag `intent` names the kind."""


class MutualTls(Intent, frozen=True, kw_only=True, tag="mutual-tls"):
    """Require (strict) or offer (permissive) mutual TLS, for one service or the whole mesh."""

    mode: Literal["strict", "permissive"]
    service: ServiceName | None = None


class Backend(Model, frozen=True, kw_only=True):
    """One version of a service and its share of the traffic in percent."""

    version: VersionName
    weight: Annotated[int, Meta(ge=0, le=100, description="percent of the requests", examples=[100])]


class TrafficSplit(Intent, frozen=True, kw_only=True, tag="traffic-split"):
    """Divide the requests to `service` among versions by weight; weights add up to 100."""

    service: ServiceName
    backends: Annotated[list[Backend], Meta(min_length=1, max_length=20)]


class HeaderMatch(Model, frozen=True, kw_only=True):
    """A request header and exactly one way to compare it."""

    name: HeaderName
    exact: str | None = None
    """the whole value"""
    prefix: str | None = None
    """how the value begins"""
    regex: str | None = None
    """an expression in RE2's syntax that the whole value matches"""


class HeaderRoute(Intent, frozen=True, kw_only=True, tag="header-route"):
    """Send the requests to `service` that carry a header to one version."""

    service: ServiceName
    header: HeaderMatch
    version: VersionName


class Mirror(Intent, frozen=True, kw_only=True, tag="mirror"):
    """Copy a share of the requests to another version and ignore its responses."""

    service: ServiceName
    version: VersionName
    percent: Percent = 100.0


class Retry(Intent, frozen=True, kw_only=True, tag="retry"):
    """Retry failed requests to `service`."""

    service: ServiceName
    attempts: Annotated[int, Meta(ge=1, le=10, examples=[2])]
    """the number of retries, beyond the first try"""
    per_try_timeout: Duration | None = None
    """the time for each try; without it only the time-out of the whole request counts"""
    retry_on: list[RetryOn] = field(default_factory=lambda: ["5xx", "connect-failure", "reset"])


class Timeout(Intent, frozen=True, kw_only=True, tag="timeout"):
    """Abort a request to `service` after a time, retries included."""

    service: ServiceName
    timeout: Duration


class FaultDelay(Intent, frozen=True, kw_only=True, tag="fault-delay"):
    """Delay a share of the requests to `service`, optionally only those with a header."""

    service: ServiceName
    delay: Duration
    percent: Percent = 100.0
    header: HeaderMatch | None = None


class FaultAbort(Intent, frozen=True, kw_only=True, tag="fault-abort"):
    """Answer a share of the requests to `service` with an error, optionally only those with a header."""

    service: ServiceName
    status: HttpStatus
    percent: Percent = 100.0
    header: HeaderMatch | None = None


class RateLimit(Intent, frozen=True, kw_only=True, tag="rate-limit"):
    """Allow at most `requests` per `per` to each instance of `service`; the rest get 429."""

    service: ServiceName
    requests: Annotated[int, Meta(ge=1, examples=[100])]
    per: Duration = "1s"


class OutlierDetection(Model, frozen=True, kw_only=True):
    """When an instance is ejected from load balancing, and for how long."""

    consecutive_errors: Annotated[int, Meta(ge=1)] = 5
    interval: Duration = "10s"
    """how often instances are judged"""
    ejection_time: Duration = "30s"
    """how long the first ejection lasts"""
    max_ejection_percent: Annotated[int, Meta(ge=0, le=100)] = 50


class CircuitBreaker(Intent, frozen=True, kw_only=True, tag="circuit-breaker"):
    """Limit concurrent connections and requests to `service`, and eject instances that keep failing."""

    service: ServiceName
    max_connections: Annotated[int, Meta(ge=1, examples=[100])] | None = None
    max_pending_requests: Annotated[int, Meta(ge=1)] | None = None
    """requests that wait for a connection"""
    max_requests: Annotated[int, Meta(ge=1)] | None = None
    """concurrent requests"""
    max_retries: Annotated[int, Meta(ge=0)] | None = None
    """concurrent retries"""
    outlier_detection: OutlierDetection | None = None


class Allow(Intent, frozen=True, kw_only=True, tag="allow"):
    """Let `source` call `service`; once any allow or deny-all names a service, all other callers are refused."""

    source: ServiceName
    service: ServiceName
    methods: list[Method] = []
    path_prefixes: list[PathPrefix] = []


class DenyAll(Intent, frozen=True, kw_only=True, tag="deny-all"):
    """Refuse every call to `service` (or to all services) that no allow intent permits."""

    service: ServiceName | None = None


class EgressControl(Intent, frozen=True, kw_only=True, tag="egress-control"):
    """Allow workloads to reach only these hosts outside the mesh."""

    hosts: list[Annotated[str, Meta(examples=["api.example.com"])]]


class AccessLog(Intent, frozen=True, kw_only=True, tag="access-log"):
    """Log the requests that reach `service` (or all services), one JSON line each."""

    service: ServiceName | None = None


class LoadBalancing(Intent, frozen=True, kw_only=True, tag="load-balancing"):
    """The load-balancing algorithm for the instances of `service`."""

    service: ServiceName
    policy: Literal["round-robin", "least-request", "random", "ring-hash"]
    hash_header: HeaderName | None = None
    """the header by whose value ring-hash chooses an instance; required for it"""


class Ingress(Intent, frozen=True, kw_only=True, tag="ingress"):
    """Expose `service` outside the mesh under a host name and path."""

    host: Annotated[str, Meta(examples=["shop.example.com"])]
    service: ServiceName
    path_prefix: PathPrefix = "/"


AnyIntent: TypeAlias = (
    MutualTls
    | TrafficSplit
    | HeaderRoute
    | Mirror
    | Retry
    | Timeout
    | FaultDelay
    | FaultAbort
    | RateLimit
    | CircuitBreaker
    | Allow
    | DenyAll
    | EgressControl
    | AccessLog
    | LoadBalancing
    | Ingress
)

INTENT_TYPES: tuple[type[Intent], ...] = (
    MutualTls, TrafficSplit, HeaderRoute, Mirror, Retry, Timeout, FaultDelay, FaultAbort, RateLimit,
    CircuitBreaker, Allow, DenyAll, EgressControl, AccessLog, LoadBalancing, Ingress,
)  # fmt: skip


def intent_kind(intent: Intent | type[Intent]) -> str:
    """The tag of an intent or of its class, as in `traffic-split`."""
    return str(intent.__struct_config__.tag)


class NativeResource(Model, frozen=True, kw_only=True):
    """One resource in the mesh's own terms, as users write it. `type` is an xDS type URL or `apiVersion/Kind`."""

    type: str
    name: str
    namespace: str = ""
    body: dict[str, Any]

    @property
    def ref(self) -> ResourceRef:
        """The reference of this resource."""
        return reference(self.type, self.namespace, self.name)


class Resource(Model, frozen=True, kw_only=True):
    """One native resource and its content, in the mesh's own terms."""

    ref: ResourceRef
    body: dict[str, Any]


class Translation(Model, frozen=True, kw_only=True):
    """The native resources of an intent on one mesh."""

    intent: str
    resources: list[Resource]
    notes: list[str] = []


class Unsupported(Model, frozen=True, kw_only=True):
    """The answer when a mesh cannot do what an intent asks."""

    intent: str
    because: str
    instead: str = ""


def intent_problems(intent: Intent, pointer: str) -> list[FieldError]:
    """The rules that no single field can express; `pointer` is the location of the intent in its document."""
    problems = _zero_durations(intent, pointer)
    header = getattr(intent, "header", None)
    if isinstance(header, HeaderMatch) and _given(header.exact, header.prefix, header.regex) != 1:
        detail = "give exactly one of exact, prefix and regex"
        problems.append(FieldError(detail=detail, pointer=f"{pointer}/header"))
    if isinstance(header, HeaderMatch) and len(header.regex or "") > LONGEST_REGEX:
        detail = f"a regular expression may have {LONGEST_REGEX} characters: match less, or a prefix"
        problems.append(FieldError(detail=detail, pointer=f"{pointer}/header/regex"))
    if isinstance(intent, TrafficSplit):
        problems += _split_problems(intent, pointer)
    if isinstance(intent, LoadBalancing) and intent.policy == "ring-hash" and intent.hash_header is None:
        problems.append(FieldError(detail="ring-hash needs hash_header", pointer=f"{pointer}/hash_header"))
    if isinstance(intent, CircuitBreaker) and not _bounds_something(intent):
        problems.append(FieldError(detail="set a limit or outlier_detection", pointer=pointer))
    return problems


def _given(*values: object) -> int:
    return sum(value is not None for value in values)


def _bounds_something(breaker: CircuitBreaker) -> bool:
    limits = (
        breaker.max_connections,
        breaker.max_pending_requests,
        breaker.max_requests,
        breaker.max_retries,
    )
    return _given(*limits, breaker.outlier_detection) > 0


def _zero_durations(intent: Intent, pointer: str) -> list[FieldError]:
    """Rejects a duration of zero, which disables the limit in most proxies, the opposite of what was meant."""
    places = [(f"{pointer}/{name}", getattr(intent, name, None)) for name in _DURATIONS]
    outlier = getattr(intent, "outlier_detection", None)
    places += [
        (f"{pointer}/outlier_detection/{name}", getattr(outlier, name, None)) for name in ("interval", "ejection_time")
    ]
    return [
        FieldError(detail="must be longer than zero", pointer=place)
        for place, value in places
        if value is not None and seconds(value) == 0
    ]


def _split_problems(split: TrafficSplit, pointer: str) -> list[FieldError]:
    problems = []
    total = sum(backend.weight for backend in split.backends)
    if total != 100:
        detail = f"the weights add up to {total}, not to 100"
        problems.append(FieldError(detail=detail, pointer=f"{pointer}/backends"))
    versions = [backend.version for backend in split.backends]
    if len(set(versions)) != len(versions):
        problems.append(FieldError(detail="a version appears twice", pointer=f"{pointer}/backends"))
    return problems
