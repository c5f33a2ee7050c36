"""The formats of strings that an API server checks in custom resources; it passes over all others.

Invariant: nothing is refused here that a server takes; where its rule is long, less is checked.
"""

import ipaddress
import re
from collections.abc import Callable

_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_AMOUNT = re.compile(r"[0-9]\.?\s*[A-Za-zµμ]")


def has_format(text: str, name: str) -> bool:
    """Whether a string is of a format, as far as it is checked."""
    checked = _CHECKS.get(name.replace("-", ""))
    return checked is None or checked(text)


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None


def _is_date_time(text: str) -> bool:
    date, mark, time = text.lower().partition("t")
    match = _TIME.fullmatch(time)
    return bool(mark and _is_date(date) and match and match[1] <= "23" and match[2] <= "59" and match[3] <= "59")


def _is_duration(text: str) -> bool:
    return text.strip("+-") == "0" or _AMOUNT.search(text) is not None


def _is_base64(text: str) -> bool:
    return _BASE64.fullmatch(text) is not None


def _parsed_by(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def is_parsed(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return is_parsed


_CHECKS: dict[str, Callable[[str], bool]] = {
    "byte": _is_base64,
    "cidr": _parsed_by(lambda text: ipaddress.ip_network(text, strict=False)),
    "date": _is_date,
    "datetime": _is_date_time,
    "duration": _is_duration,
    "ipv4": _parsed_by(ipaddress.IPv4Address),
    "ipv6": _parsed_by(ipaddress.IPv6Address),
}
