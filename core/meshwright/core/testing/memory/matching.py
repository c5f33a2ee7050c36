"""Subject filters as NATS reads them: `*` is one token, `>` is one or more at the end."""


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject fits a filter with `*` and `>`."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, given = wanted[:-1], given[: len(wanted) - 1] if len(given) >= len(wanted) else []
    return len(wanted) == len(given) and all(one in ("*", other) for one, other in zip(wanted, given, strict=True))
