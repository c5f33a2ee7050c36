"""YAML as people have it, of Istio, the Gateway API and SMI, and what requests do where it holds.

Invariant: what is expected is written down once, for the mesh that the YAML is of and for any other that imports it.
"""

from typing import Any

import yaml

from rig.effects.mesh import CALLER, Mesh

NAMESPACE = "shop"
_APPS = {"web": ("v1",), "reviews": ("v1", "v2"), "ratings": ("v1",)}


def _service(name: str, selector: dict[str, str]) -> dict[str, Any]:
    spec = {"selector": selector, "ports": [{"name": "http", "port": 9080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _workload(app: str, version: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": app, "version": version}}, "spec": {"serviceAccountName": app}}
    meta = {"name": f"{app}-{version}"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}}


SERVICES = yaml.safe_dump_all(
    [
        *(_service(app, {"app": app}) for app in _APPS),
        *(_service(f"reviews-{version}", {"app": "reviews", "version": version}) for version in _APPS["reviews"]),
        *(_workload(app, version) for app, versions in _APPS.items() for version in versions),
    ]
)
ISTIO = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: reviews
spec:
  host: reviews
  trafficPolicy:
    tls:
      mode: ISTIO_MUTUAL
  subsets:
  - name: stable
    labels:
      version: v1
  - name: canary
    labels:
      version: v2
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts:
  - reviews
  http:
  - name: testers
    match:
    - headers:
        x-user:
          prefix: tester
    route:
    - destination:
        host: reviews
        subset: canary
    timeout: 500ms
  - match:
    - headers:
        x-user:
          exact: late
    fault:
      delay:
        fixedDelay: 400ms
        percentage:
          value: 100
    route:
    - destination:
        host: reviews
        subset: stable
    timeout: 500ms
  - route:
    - destination:
        host: reviews
        subset: stable
      weight: 100
    - destination:
        host: reviews
        subset: canary
      weight: 0
    timeout: 500ms
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ratings
spec:
  hosts:
  - ratings
  http:
  - match:
    - headers:
        x-broken:
          regex: "1|yes"
    fault:
      abort:
        httpStatus: 418
        percentage:
          value: 100
    route:
    - destination:
        host: ratings
  - route:
    - destination:
        host: ratings
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: ratings
spec:
  selector:
    matchLabels:
      app: ratings
  action: ALLOW
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/shop/sa/web
    to:
    - operation:
        methods: [GET]
        paths: [/open*]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: ratings
spec:
  selector:
    matchLabels:
      app: ratings
  mtls:
    mode: STRICT
"""
LEFT_OF_ISTIO = ("mesh.yaml:26 #/spec/http/0/name", "mesh.yaml:8 #/spec/trafficPolicy")
HTTP_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: reviews
spec:
  parentRefs:
  - group: ""
    kind: Service
    name: reviews
    port: 9080
  rules:
  - backendRefs:
    - name: reviews-v1
      port: 9080
    timeouts:
      request: 500ms
  - matches:
    - headers:
      - name: x-user
        value: tester
    backendRefs:
    - name: reviews-v2
      port: 9080
    timeouts:
      request: 500ms
"""
SMI = """\
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata:
  name: reviews
spec:
  service: reviews
  backends:
  - service: reviews-v1
    weight: 75
  - service: reviews-v2
    weight: 25
---
apiVersion: specs.smi-spec.io/v1alpha4
kind: HTTPRouteGroup
metadata:
  name: ratings
spec:
  matches:
  - name: open
    pathRegex: /open.*
    methods: [GET]
---
apiVersion: access.smi-spec.io/v1alpha3
kind: TrafficTarget
metadata:
  name: ratings
spec:
  destination:
    kind: ServiceAccount
    name: ratings
  rules:
  - kind: HTTPRouteGroup
    name: ratings
    matches: [open]
  sources:
  - kind: ServiceAccount
    name: web
"""
EXPECTED: dict[str, Any] = {
    "testers": {"v2"},
    "others": {"v1"},
    "slow": 504,
    "late": True,
    "on time": True,
    "broken": 418,
    "allowed": 200,
    "another path": 403,
    "another caller": 403,
    "in plain text": False,
}
"""of the YAML for Istio"""


async def outcome(mesh: Mesh) -> dict[str, Any]:
    """What requests do."""
    late, on_time = [await mesh.call("reviews", headers=headers) for headers in ({"x-user": "late"}, {})]
    return {
        "testers": await _versions(mesh, {"x-user": "tester-7"}),
        "others": await _versions(mesh, {"x-user": "somebody"}),
        "slow": (await mesh.call("reviews", "/slow")).status,
        "late": late.seconds >= 0.4,
        "on time": on_time.status == 200,
        "broken": (await mesh.call("ratings", "/open", headers={"x-broken": "yes"})).status,
        "allowed": (await mesh.call("ratings", "/open/1")).status,
        "another path": (await mesh.call("ratings", "/secret")).status,
        "another caller": (await mesh.call("ratings", "/open", by="reviews-v1")).status,
        "in plain text": await _takes_plain_text(mesh),
    }


async def _versions(mesh: Mesh, headers: dict[str, str]) -> set[str]:
    answering = await mesh.answering("reviews", 20, by=CALLER, headers=headers)
    return {workload.split("-")[1] if workload else "" for workload in answering}


async def _takes_plain_text(mesh: Mesh) -> bool:
    try:
        return (await mesh.call_in_plain_text("ratings-v1")).status == 200
    except OSError:
        return False
