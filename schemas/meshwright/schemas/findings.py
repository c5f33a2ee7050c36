"""Findings: results of analysis of configuration, with codes that never change their meaning.

Problem: a warning without a stable code cannot be suppressed, counted or looked up. Invariant: every finding has the
code of a rule that its adapter publishes; a suppressed finding stays in the answer, marked with what suppressed it.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from meshwright.schemas.base import Model, Name, Text, whole
from meshwright.schemas.references import ResourceRef

FindingSeverity: TypeAlias = Literal["error", "warning", "note"]
"""the levels of SARIF 2.1.0"""
FindingCode: TypeAlias = Annotated[str, Meta(pattern=whole("^MW[0-9]{4}$"), examples=["MW3101"])]
Suppression: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole("^MW[0-9]{4}(=[A-Z][A-Za-z0-9]{0,62}(/[a-z0-9][a-z0-9.:-]{0,252}){1,2})?$"),
        description="A code; for one resource alone `CODE=Kind/namespace/name`, or `CODE=Kind/name` where it has none.",
        examples=["MW3101", "MW3101=VirtualService/shop/reviews"],
    ),
]
MAX_FILES = 500
SUPPRESS_ANNOTATION = "meshwright.dev/suppress"
"""annotation of a resource: the codes, separated by commas, that are suppressed for it; `*` for all"""


class FindingRule(Model, frozen=True, kw_only=True):
    """One kind of finding, as documented on its page."""

    code: FindingCode
    title: Text
    severity: FindingSeverity
    explanation: Text
    remedy: Text
    equivalents: list[str] = []
    """the codes of the mesh's own tool for the same finding, such as IST0101"""
    adapter: str = ""
    """whose resources it is about; empty: those of every mesh"""


class FindingRules(Model, frozen=True, kw_only=True):
    """Everything that analysis looks for, by code."""

    items: list[FindingRule]


class FindingLocation(Model, frozen=True, kw_only=True):
    """The location of a finding. `pointer` is a JSON pointer into the resource; `line` counts from 1, 0: not from a
    file.
    """

    ref: ResourceRef | None = None
    pointer: str = "#"
    file: str = ""
    line: int = 0


class Finding(Model, frozen=True, kw_only=True):
    """One result of analysis. `suppressed` names what suppresses it; empty: it is active."""

    code: FindingCode
    severity: FindingSeverity
    message: Text
    location: FindingLocation
    related: list[FindingLocation] = []
    remedy: Text = ""
    suppressed: str = ""


class SourceFile(Model, frozen=True, kw_only=True):
    """A file of Kubernetes YAML, with any number of documents."""

    name: Annotated[str, Meta(min_length=1, max_length=1000)]
    content: str


class FilesToAnalyze(Model, frozen=True, kw_only=True):
    """Files to analyze by the rules of an adapter."""

    files: Annotated[list[SourceFile], Meta(min_length=1, max_length=MAX_FILES)]
    suppress: list[Suppression] = []


class MeshToAnalyze(Model, frozen=True, kw_only=True):
    """What to analyze for a mesh: its present resources (`live`), files, or files merged into its present resources."""

    files: Annotated[list[SourceFile], Meta(max_length=MAX_FILES)] = []
    live: bool = True
    suppress: list[Suppression] = []


class AnalysisRequest(Model, frozen=True, kw_only=True):
    """Asks a worker to analyze. Request/reply, never stored."""

    workspace: Name
    connection: str = ""
    mesh: str = ""
    files: list[SourceFile] = []
    live: bool = False
    suppress: list[str] = []


class Analysis(Model, frozen=True, kw_only=True):
    """All findings, the most severe first, and the rules that they name."""

    findings: list[Finding]
    rules: list[FindingRule]
    resources: int
    """the number of resources that were examined"""
    unread: list[str] = []
    """kinds that could not be read in the mesh; the rules that need them were skipped"""
