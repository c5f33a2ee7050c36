"""Whether the API server can ask Istio's webhooks: they are there, and their certificate authority is valid.

Problem: a webhook that cannot be asked either lets everything pass or keeps every pod from starting, and the API server
says so to nobody but whoever creates something. Invariant: pure functions of webhook configurations.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.webhooks import last_end
from meshwright.schemas.meshes import Condition

Body = dict[str, Any]
_INJECTOR = "sidecar-injector"


def injection(configurations: Sequence[Body], revision: str) -> Condition:
    """Whether sidecars are injected for a revision, by the mutating webhooks that have its label."""
    mine = [each for each in configurations if any(_INJECTOR in str(hook.get("name")) for hook in _hooks(each))]
    if not mine:
        detail = f"no webhook injects sidecars for the revision {revision}: new pods get none; install it again"
        return _wrong("InjectionReady", "NoWebhook", detail)
    return _condition("InjectionReady", mine)


def validation(configurations: Sequence[Body]) -> Condition:
    """Whether Istio's resources are validated."""
    mine = [each for each in configurations if "istio" in _name(each) and _hooks(each)]
    if not mine:
        detail = "no webhook of Istio validates: wrong resources are taken and ignored; install the base chart again"
        return _wrong("ValidationReady", "NoWebhook", detail)
    return _condition("ValidationReady", mine)


def _condition(kind: str, mine: Sequence[Body]) -> Condition:
    names = ", ".join(sorted(_name(each) for each in mine))
    bundles = [str(k8s.at(hook, "clientConfig", "caBundle") or "") for each in mine for hook in _hooks(each)]
    if not any(bundles):
        detail = f"{names} has no certificate authority yet, so the API server cannot ask it: is istiod running?"
        return _wrong(kind, "NoCertificate", detail)
    ends = [end for each in bundles if each and (end := last_end(each)) is not None]
    if ends and min(ends) <= datetime.datetime.now(datetime.UTC):
        detail = (
            f"the certificate authority of {names} ended on {min(ends):%Y-%m-%d}, so the API server cannot ask it:"
            " restart istiod, which writes its own there"
        )
        return _wrong(kind, "CertificateExpired", detail)
    return Condition(type=kind, status="True", reason="AsExpected", message=names[:2000])


def _hooks(body: Body) -> list[Body]:
    return list(body.get("webhooks") or [])


def _name(body: Body) -> str:
    return str(k8s.at(body, "metadata", "name"))


def _wrong(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status="False", reason=reason, message=message[:2000])
