"""Annotations of a Service as time-outs, retries and circuit breakers.

Problem: an annotation is one text, and what is not set has a default that may be none of an intent's. Invariant: an
intent is given where what it would become is exactly what the annotations of its kind say; else each of them is listed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from meshwright.adapters.linkerd.intents import services
from meshwright.core.kit.analysis import Manifest
from meshwright.core.kit.importing import Reading, Surroundings
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import AnyIntent, CircuitBreaker, Retry, Timeout

Said = Mapping[str, str]
_TIMEOUT, _RETRY, _ACCRUAL = "timeout.linkerd.io/", "retry.linkerd.io/", services.ACCRUAL
_RETRY_ON = {value: key for key, value in services.STATUSES.items()}
_PARTLY = "no intent says just this together with the other annotations of its kind, and with the defaults of Linkerd"


def says_something(manifest: Manifest) -> bool:
    """Whether a Service has such annotations."""
    return any(key.startswith((_TIMEOUT, _RETRY, _ACCRUAL)) for key in _annotations(manifest))


def service(reading: Reading, _: Surroundings) -> list[AnyIntent]:
    """What the clients of a Service go by."""
    reading.spec.express_whole()
    there, found = _annotations(reading.manifest), list[AnyIntent]()
    name = f"{reading.namespace}/{reading.name}"
    for prefix, parse in _PARSERS.items():
        said = {key: value for key, value in there.items() if key.startswith(prefix)}
        if not said:
            continue
        wish = _wish(reading, name, said, parse)
        if wish is not None:
            found.append(wish)
            continue
        for key in said:
            reading.at("metadata").at("annotations", key).leave(_PARTLY)
    return found


def _wish(reading: Reading, name: str, said: Said, parse: Callable[[Said], dict[str, Any]]) -> AnyIntent | None:
    """The intent that would become exactly this."""
    try:
        wish: AnyIntent = msgspec.convert({**parse(said), "service": name}, AnyIntent)
        known = Service(namespace=reading.namespace, name=reading.name)
        (made,) = services.annotations(known, [wish])
    except (LookupError, ValueError, CannotExpress):
        return None
    return wish if made.body["metadata"]["annotations"] == _plain(said) else None


def _timeout(said: Said) -> dict[str, Any]:
    return {"intent": Timeout.__struct_config__.tag, "timeout": said["timeout.linkerd.io/request"]}


def _retry(said: Said) -> dict[str, Any]:
    return {
        "intent": Retry.__struct_config__.tag,
        "attempts": int(said.get("retry.linkerd.io/limit", "1")),
        "per_try_timeout": said.get("retry.linkerd.io/timeout"),
        "retry_on": [_RETRY_ON[each.strip()] for each in said["retry.linkerd.io/http"].split(",")],
    }


def _breaker(said: Said) -> dict[str, Any]:
    outliers = {
        "consecutive_errors": int(said[f"{_ACCRUAL}-consecutive-max-failures"]),
        "ejection_time": said[f"{_ACCRUAL}-consecutive-min-penalty"],
        "max_ejection_percent": 100,
    }
    return {"intent": CircuitBreaker.__struct_config__.tag, "outlier_detection": outliers}


_PARSERS = {_TIMEOUT: _timeout, _RETRY: _retry, _ACCRUAL: _breaker}


def _annotations(manifest: Manifest) -> dict[str, str]:
    metadata = manifest.body.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return {key: value for key, value in (found or {}).items() if isinstance(value, str)}


def _plain(said: Said) -> dict[str, str]:
    """The same with the defaults that are an intent's too, and in the spelling of translations."""
    plain = {key: services.plainly(value) for key, value in said.items()}
    if "retry.linkerd.io/http" in plain:
        plain.setdefault("retry.linkerd.io/limit", "1")
        plain["retry.linkerd.io/http"] = ",".join(each.strip() for each in plain["retry.linkerd.io/http"].split(","))
    return plain
