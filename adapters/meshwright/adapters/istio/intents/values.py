"""How Istio writes shares, durations, headers and whole numbers, and what it cannot write.

Invariant: a value is the one that was asked for, to the last digit, or `CannotExpress` is raised with the reason.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from meshwright.adapters.istio.facts import IstioFacts
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import HeaderMatch, Resource
from meshwright.schemas.references import ResourceRef

Json = dict[str, Any]
_INT32, _UINT32 = 2**31 - 1, 2**32 - 1
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def resource(group: str, version: str, kind: str, namespace: str, name: str, spec: Json) -> Resource:
    """An object of Kubernetes."""
    metadata = {"name": name, "namespace": namespace}
    body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": metadata, "spec": spec}
    return Resource(ref=ResourceRef(group=group, kind=kind, namespace=namespace, name=name), body=body)


def duration(text: str) -> str:
    """A duration in seconds, which every part of Istio reads; it counts in milliseconds."""
    seconds(text)  # refuses what is no duration
    unit = text.lstrip("0123456789.")
    count = Decimal(text[: -len(unit)]) * _UNITS[unit]
    if count < 1 or count != int(count):
        raise CannotExpress(f"Istio counts times in whole milliseconds, and {text} is none", "round it")
    whole, rest = divmod(int(count), 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") + "s"


def percentage(percent: float) -> Json:
    """A share in percent; Envoy counts in millionths."""
    if abs(percent * 10000 - round(percent * 10000)) > 1e-6:
        raise CannotExpress(f"Istio counts shares in steps of 0.0001 %, and {percent} % is between two", "round it")
    return {"value": int(percent) if percent == int(percent) else percent}


def int32(value: int, what: str, least: int = 1) -> int:
    """A limit of a DestinationRule, where 0 means that nothing was said."""
    if not least <= value <= _INT32:
        raise CannotExpress(f"Istio takes {what} from {least} to {_INT32}, and not {value}")
    return value


def uint32(value: int, what: str) -> int:
    """A number that may be large."""
    if not 0 <= value <= _UINT32:
        raise CannotExpress(f"Istio takes {what} up to {_UINT32}, and not {value}")
    return value


def headers(matches: Iterable[HeaderMatch]) -> Json | None:
    """The conditions of a route that wants all of these at once; None when no request can have them all."""
    by_name: dict[str, HeaderMatch] = {}
    for match in matches:
        name = match.name.lower()
        both = _both(by_name[name], match) if name in by_name else match
        if both is None:
            return None
        by_name[name] = both
    return {name: _header(match) for name, match in by_name.items()}


def _header(match: HeaderMatch) -> Json:
    if match.exact is not None:
        if not match.exact:
            raise CannotExpress("Istio does not compare a header with the empty text", "match it by a regex")
        return {"exact": match.exact}
    if match.prefix is not None:
        return {"prefix": match.prefix} if match.prefix else {}  # nothing said: it is there
    if not match.regex:
        raise CannotExpress("Istio takes no empty regular expression")
    if match.regex == "*":
        raise CannotExpress("Istio takes the regular expression * for any value", "match it by an empty prefix")
    return {"regex": match.regex}


def _both(one: HeaderMatch, other: HeaderMatch) -> HeaderMatch | None:
    """One comparison for two of the same header."""
    if (one.exact, one.prefix, one.regex) == (other.exact, other.prefix, other.regex):
        return one
    if one.regex is not None or other.regex is not None:
        raise CannotExpress(
            f"two intents compare the header {one.name}, one by a regular expression, and Istio compares a header in"
            " one way per route",
            "compare it by exact or prefix in both, or use two headers",
        )
    longer, shorter = sorted((one, other), key=lambda each: (each.exact is not None, len(_text(each))), reverse=True)
    if shorter.exact is not None or not _text(longer).startswith(_text(shorter)):
        return None
    return longer


def _text(match: HeaderMatch) -> str:
    return match.exact if match.exact is not None else match.prefix or ""


def object_name(*parts: str) -> str:
    """A name for an object, of what it is about; what is too long is refused."""
    name = "-".join(part for part in parts if part)
    if len(name) > 253:
        raise CannotExpress(f"the name {name} is longer than Kubernetes takes", "give the design a shorter name")
    return name


def principals(facts: IstioFacts, accounts: Iterable[tuple[str, str]]) -> list[str]:
    """The identities of service accounts, each a namespace and a name."""
    return [f"{facts.trust_domain}/ns/{namespace}/sa/{name}" for namespace, name in accounts]
