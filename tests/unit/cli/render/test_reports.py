"""Reports for other tools: what SARIF 2.1.0 and JUnit ask for holds for whatever is found.

Invariant: the requirements stand here in our own words, from the OASIS standard (SARIF 2.1.0, sections 3.13 to 3.58)
and from what readers of JUnit take; a property that the standard does not have is refused.
"""

import json
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshwright.core.telemetry import sanitizing
from meshwright.schemas import rules
from meshwright.ui_api.cli.render.documents import findings as render
from meshwright.ui_api.cli.render.output import as_json

Document = dict[str, Any]


def of(required: list[str], **properties: Document) -> Document:
    """An object that has these properties and no others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def many(items: Document, least: int = 0) -> Document:
    """An array without repetitions."""
    return {"type": "array", "items": items, "minItems": least, "uniqueItems": True}


TEXT: Document = {"type": "string"}
WHOLE: Document = {"type": "string", "minLength": 1}
MESSAGE = of(["text"], text=WHOLE)
LEVEL: Document = {"enum": ["none", "note", "warning", "error"]}
LOCATION = of(
    [],
    physicalLocation=of(
        ["artifactLocation"],
        artifactLocation=of(["uri"], uri={"type": "string", "pattern": r"^[A-Za-z0-9._~/%@:+,;=&()!$'*-]+$"}),
        region=of(["startLine"], startLine={"type": "integer", "minimum": 1}),
    ),
    logicalLocations=many(of([], fullyQualifiedName=WHOLE, kind=WHOLE)),
)
RULE = of(
    ["id"],
    id=WHOLE,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    defaultConfiguration=of([], level=LEVEL),
    properties={"type": "object"},
)
RESULT = of(
    ["message"],
    ruleId=WHOLE,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    locations={"type": "array", "items": LOCATION},
    relatedLocations=many(LOCATION),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    suppressions=many(of(["kind"], kind={"enum": ["inSource", "external"]}, justification=TEXT)),
)
SARIF = of(
    ["version", "runs"],
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"const": "2.1.0"},
    runs={
        "type": "array",
        "minItems": 1,
        "items": of(
            ["tool"],
            tool=of(["driver"], driver=of(["name"], name=WHOLE, version=WHOLE, rules=many(RULE))),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            results={"type": "array", "items": RESULT},
        ),
    },
)
CODES = sorted(rules.BY_CODE)
WORDS = st.text(min_size=1, max_size=20)
LOCATIONS = st.builds(
    lambda ref, file, line: {"ref": ref, "pointer": "#/spec", "file": file, "line": line if file else 0},
    st.none() | st.builds(lambda name: {"group": "", "kind": "Service", "namespace": "a", "name": name}, WORDS),
    st.sampled_from(["", "a.yaml", "with blanks/é #1?.yaml", "-", "/srv/a.yaml"]),
    st.integers(0, 99),
)
FINDINGS = st.lists(
    st.builds(
        lambda code, message, where, related, by: {
            "code": code,
            "severity": rules.BY_CODE[code].severity,
            "message": message,
            "location": where,
            "related": related,
            "remedy": rules.BY_CODE[code].remedy,
            "suppressed": by,
        },
        st.sampled_from(CODES),
        WORDS,
        LOCATIONS,
        st.lists(LOCATIONS, max_size=2, unique_by=str),
        st.sampled_from(["", "the request", "the annotation meshwright.dev/suppress"]),
    ),
    max_size=5,
)


HOSTILE: Document = {
    "code": "MW3101",
    "severity": "error",
    "message": "\x00\x1b[31m\uffff]]>&<",
    "location": {"ref": None, "pointer": "#", "file": "\ufffe.yaml", "line": 0},
    "related": [],
    "remedy": "\x0b",
    "suppressed": "",
}
"""what XML cannot hold as it is"""


def analysis(written: list[Document]) -> Document:
    """The answer of the API with these findings."""
    named = sorted({each["code"] for each in written})
    pages = [json.loads(as_json(rules.BY_CODE[code])) for code in named]
    return {"findings": written, "rules": pages, "resources": 3, "unread": []}


@given(FINDINGS)
@example([])
def test_a_sarif_log_is_what_the_standard_asks_for(written: list[Document]) -> None:
    """Its schema holds, and each result's index is that of its rule."""
    log = json.loads(as_json(render.sarif(analysis(written))))
    jsonschema.Draft7Validator(SARIF).validate(log)
    (run,) = log["runs"]
    pages = run["tool"]["driver"]["rules"]
    assert [pages[each["ruleIndex"]]["id"] for each in run["results"]] == [each["code"] for each in written]
    kinds = {"": [], "the request": ["external"], "the annotation meshwright.dev/suppress": ["inSource"]}
    for each, result in zip(written, run["results"], strict=True):
        assert [one["kind"] for one in result.get("suppressions", [])] == kinds[each["suppressed"]]
        assert result["level"] == each["severity"]


@pytest.mark.parametrize(
    "broken",
    [
        {"version": "2.1.0"},
        {"version": "2.0.0", "runs": [{"tool": {"driver": {"name": "a"}}}]},
        {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "a"}}, "results": [{"message": {"text": ""}}]}]},
        {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "a"}}, "result": []}]},
    ],
)
def test_the_requirements_refuse_what_the_standard_refuses(broken: Document) -> None:
    """So that holding them means something."""
    assert not jsonschema.Draft7Validator(SARIF).is_valid(broken)


@given(FINDINGS)
@example([])
@example([dict(HOSTILE)])
def test_junit_has_the_shape_that_its_readers_take(written: list[Document]) -> None:
    """Counts are those of the cases, each case has a name and at most one outcome, and no text breaks the XML."""
    text = sanitizing.escaped(render.junit(analysis(written)))
    root = ElementTree.fromstring(text.encode())
    (suite,) = root
    cases = list(suite)
    assert (root.tag, suite.tag, {each.tag for each in cases}) == ("testsuites", "testsuite", {"testcase"})
    assert int(suite.attrib["tests"]) == len(cases) >= 1
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped"))
    assert suite.attrib["errors"] == "0"
    for case in cases:
        assert case.attrib["name"] and case.attrib["classname"]
        assert [each.tag for each in case] in ([], ["failure"], ["skipped"], ["system-out"])
        assert all(each.attrib["message"] and each.attrib["type"] for each in case.findall("failure"))
    failing = [each for each in written if not each["suppressed"] and each["severity"] != "note"]
    assert len(suite.findall("testcase/failure")) == len(failing)
