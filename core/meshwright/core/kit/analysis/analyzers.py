"""Analyzers: the rules of an adapter, and the functions that observe where they are broken.

Invariant: an observation names a rule that was declared, and every declared rule has an analyzer: listed means looked
for. The order of findings depends on nothing but the resources.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from meshwright.core.kit import structural
from meshwright.core.kit.analysis import designs, schemas
from meshwright.core.kit.analysis.manifests import Manifest, Manifests
from meshwright.core.kit.analysis.observations import Observation
from meshwright.schemas import rules as pages
from meshwright.schemas.findings import (
    SUPPRESS_ANNOTATION,
    Analysis,
    Finding,
    FindingLocation,
    FindingRule,
)
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.rules.general import UNREADABLE

_LONGEST = 2000
_NONE = structural.Definitions()
_ORDER = {"error": 0, "warning": 1, "note": 2}


class LiveResources(msgspec.Struct, frozen=True, kw_only=True):
    """What a mesh has now, and the kinds that could not be read."""

    manifests: list[Manifest]
    unread: frozenset[tuple[str, str]] = frozenset()


Analyzer = Callable[[Manifests], Iterable[Observation]]
Kind = tuple[str, str]
"""API group and kind"""
Suppressions = Callable[[Manifest], Collection[str]]


class Analyzers:
    """What one adapter analyzes. `suppressions` gives the codes that a resource suppresses in the mesh's own way."""

    def __init__(self, rules: Iterable[FindingRule], suppressions: Suppressions = lambda _: ()) -> None:
        self.rules = {each.code: each for each in (*pages.GENERAL, *rules)}
        self._suppressions = suppressions
        self._analyzers: list[tuple[Analyzer, tuple[Kind, ...], tuple[Kind, ...]]] = []
        self._observed: set[str] = {each.code for each in pages.GENERAL}

    def analyzer(
        self, *codes: str, needs: Sequence[Kind] = (), reads: Sequence[Kind] = ()
    ) -> Callable[[Analyzer], Analyzer]:
        """Register the function that observes these codes, from files only when they have one of the kinds it needs.

        Files without any Service, say, do not tell which hosts there are. It is left out where one of the kinds that
        it needs or `reads` may not be read. Raises ValueError for a code without a rule.
        """
        if unknown := set(codes) - self.rules.keys():
            raise ValueError(f"no rule declares {', '.join(sorted(unknown))}")

        def register(function: Analyzer) -> Analyzer:
            self._analyzers.append((function, tuple(needs), tuple(reads)))
            self._observed.update(codes)
            return function

        return register

    def unobserved(self) -> set[str]:
        """The codes of rules that no analyzer looks for."""
        return self.rules.keys() - self._observed

    def run(
        self,
        manifests: Manifests,
        unreadable: Iterable[tuple[FindingLocation, str]] = (),
        suppress: Collection[str] = (),
        *,
        complete: bool = False,
        unread: Collection[Kind] = (),
        definitions: structural.Definitions = _NONE,
    ) -> Analysis:
        """All findings about these resources; `complete`: what is not among them does not exist.

        `definitions` are those that the mesh has, for custom resources of files. What needs one of the kinds that
        could not be read (`unread`) is left out. `suppress` holds codes, for everything or as `CODE=Kind/ns/name`.
        """
        findings = [self._unreadable(location, why, suppress) for location, why in unreadable]
        findings += [self._finding(each, suppress) for each in schemas.observe(manifests, definitions)]
        findings += [self._finding(each, suppress) for each in designs.observe(manifests)]
        for analyzer, needs, reads in self._analyzers:
            if {*needs, *reads} & set(unread):
                continue
            if complete or not needs or any(manifests.of(group, kind) for group, kind in needs):
                findings += [self._finding(each, suppress) for each in analyzer(manifests)]
        findings = sorted(_distinct(findings), key=_place)
        codes = dict.fromkeys(each.code for each in findings)
        rules = [self.rules[code] for code in sorted(codes)]
        unread_kinds = sorted(kind for _, kind in unread)
        return Analysis(findings=findings, rules=rules, resources=len(manifests), unread=unread_kinds)

    def _finding(self, observation: Observation, suppress: Collection[str]) -> Finding:
        rule = self.rules[observation.code]
        return Finding(
            code=rule.code,
            severity=rule.severity,
            message=observation.message[:_LONGEST],
            location=observation.manifest.at(observation.pointer),
            related=[each.at() for each in observation.related],
            remedy=rule.remedy,
            suppressed=self._suppressed(rule, observation.manifest, suppress),
        )

    def _unreadable(self, location: FindingLocation, why: str, suppress: Collection[str]) -> Finding:
        by = "the request" if UNREADABLE.code in suppress else ""
        return Finding(
            code=UNREADABLE.code,
            severity=UNREADABLE.severity,
            message=why,
            location=location,
            remedy=UNREADABLE.remedy,
            suppressed=by,
        )

    def _suppressed(self, rule: FindingRule, manifest: Manifest, suppress: Collection[str]) -> str:
        if suppress and {rule.code, f"{rule.code}={_path(manifest.ref)}"} & set(suppress):
            return "the request"
        named = {each.strip() for each in str(manifest.annotations.get(SUPPRESS_ANNOTATION, "")).split(",")}
        if named & {rule.code, "*"}:
            return f"the annotation {SUPPRESS_ANNOTATION}"
        if {rule.code, *rule.equivalents, "*"} & set(self._suppressions(manifest)):
            return "an annotation of the mesh"
        return ""


def _path(ref: ResourceRef) -> str:
    """A resource as suppressions name it."""
    return "/".join(part for part in (ref.kind, ref.namespace, ref.name) if part)


def _distinct(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Each finding once."""
    seen: set[bytes] = set()
    for each in findings:
        key = msgspec.json.encode(each)
        if key not in seen:
            seen.add(key)
            yield each


def _place(finding: Finding) -> tuple[int, str, int, str, str, str]:
    where = finding.location
    return (_ORDER[finding.severity], where.file, where.line, str(where.ref or ""), finding.code, finding.message)
