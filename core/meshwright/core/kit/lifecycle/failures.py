"""Why a design is not applied, in words for people.

    MW2001  proxies refused what they were sent
    MW2002  the document does not fit the mesh
    MW2004  there is no such design or revision on the mesh
    MW2007  the operation's plan is gone
    MW2010  the mesh cannot do what an intent asks
    MW2011  a native resource holds what no native resource may hold
    MW2014  what was applied is not there afterwards

Invariant: each has one code for all meshes, and says what to do.
"""

from collections.abc import Mapping

import msgspec

from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.errors import Failure, FieldError
from meshwright.schemas.intents import Unsupported
from meshwright.schemas.references import ResourceRef

_SHOWN = 20


def rejected(words: Mapping[str, str]) -> Reject:
    """Proxies refused what they were sent (NACK); the words of each are its own."""
    first = next(iter(words))
    others = f" (and {len(words) - 1} more proxies)" if len(words) > 1 else ""
    return Reject(
        Failure(
            code="MW2001",
            what=f"{first}{others} rejected the configuration: {words[first]}".strip(),
            cause="The configuration is well-formed but Envoy cannot run it; the last good one keeps serving.",
            remedy="Correct the native resource or intent that Envoy names, and apply again.",
            details={"proxies": dict(list(words.items())[:_SHOWN])},
        )
    )


def unfit(problems: list[FieldError]) -> Reject:
    """The document asks for what the mesh does not have, or contradicts what it has."""
    return _invalid(
        "MW2002",
        problems,
        cause="The document does not match the mesh; nothing was changed.",
        remedy="Correct the fields named, or enrol what is missing first.",
    )


def not_admitted(problems: list[FieldError]) -> Reject:
    """A native resource asks for what would open the proxy, its host or the mesh."""
    return _invalid(
        "MW2011",
        problems,
        cause="A native resource may hold only what is known to be safe; nothing was changed.",
        remedy="Remove the fields named, or use an intent instead.",
    )


def _invalid(code: str, problems: list[FieldError], *, cause: str, remedy: str) -> Reject:
    """Places of a document that are refused; each is named in `details.errors` by its pointer."""
    what = "; ".join(f"{each.pointer}: {each.detail}" for each in problems)[:1500]
    details = {"errors": msgspec.to_builtins(problems)}
    return Reject(Failure(code=code, what=what, cause=cause, remedy=remedy, details=details))


def unsupported(refused: list[Unsupported]) -> Reject:
    """The mesh cannot do that, and does not pretend to; a reason that several intents have is given once."""
    reasons: dict[str, list[str]] = {}
    for each in refused:
        reasons.setdefault(each.because, []).append(each.intent)
    return Reject(
        Failure(
            code="MW2010",
            what="; ".join(f"{', '.join(dict.fromkeys(kinds))}: {because}" for because, kinds in reasons.items()),
            cause="The mesh does not support what the intent asks; nothing was changed.",
            remedy="; ".join(dict.fromkeys(each.instead for each in refused if each.instead)),
            details={"unsupported": msgspec.to_builtins(refused)},
        )
    )


def no_design(what: str) -> Reject:
    """The design or revision is not there."""
    return Reject(
        Failure(
            code="MW2004",
            what=what,
            cause="It was never applied to this mesh, or was removed.",
            remedy="List the releases of the design on this mesh.",
        )
    )


def plan_gone(operation: str) -> Reject:
    """A step has nothing left to go by."""
    return Reject(
        Failure(
            code="MW2007",
            what=f"the plan of operation {operation} is no longer stored",
            cause="Another operation of the mesh has replaced it, as after this one was abandoned.",
            remedy="Retry the operation: it is planned again.",
        )
    )


def too_large(limit: int) -> Reject:
    """The plan of the operation does not fit into its bucket."""
    return unfit([FieldError(detail=f"the plan of this design would need more than {limit} bytes")])


def missing(refs: list[ResourceRef]) -> Reject:
    """The mesh took the design, but what belongs to it is not there."""
    return Reject(
        Failure(
            code="MW2014",
            what=f"not there after it was applied: {', '.join(map(str, refs[:10]))}",
            cause="Somebody else removed it meanwhile, or the mesh dropped it.",
            remedy="Find out who else writes to the mesh; then retry the operation.",
            retryable=True,
        )
    )
