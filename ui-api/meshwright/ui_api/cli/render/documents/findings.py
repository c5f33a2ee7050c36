"""Findings as a table, as SARIF and as JUnit; locations in files and resources in readable form.

Invariant: a finding keeps its fingerprint as long as its rule, its resource and the place in it stay the same, so that
a tool that collects SARIF reports does not report it twice when lines move.
"""

import hashlib
from collections import Counter
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

from meshwright.schemas.findings import SUPPRESS_ANNOTATION
from meshwright.ui_api.cli.render import output

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]
_STYLES = {"error": ("✗ error", "red"), "warning": ("! warning", "yellow"), "note": ("- note", "dim")}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def table(analysis: Document) -> "RenderableType":
    """One line for each finding; suppressed ones are omitted, and counted in the summary."""
    from rich.text import Text

    shown = [each for each in analysis["findings"] if not each["suppressed"]]
    if not shown:
        return Text(f"No findings in {analysis['resources']} resources.", "dim")
    rows = (
        (
            Text(*_STYLES[each["severity"]]),
            each["code"],
            where(each["location"]),
            resource(each["location"]),
            each["message"],
        )
        for each in shown
    )
    return output.table(("severity", "code", "where", "resource", "finding"), rows)


def page(rule: Document) -> "RenderableType":
    """What a code means, and what to do."""
    from rich.console import Group
    from rich.text import Text

    lines = [Text.assemble((rule["code"], "bold"), f" {rule['title']}  ", _STYLES[rule["severity"]])]
    lines += [Text(), Text(rule["explanation"]), Text(), Text(f"What to do: {rule['remedy']}"), Text()]
    if rule["equivalents"]:
        lines.append(Text(f"The mesh's own tool calls it {', '.join(rule['equivalents'])}."))
    annotation = f"{SUPPRESS_ANNOTATION}: {rule['code']}"
    lines.append(Text(f"Suppress it with --suppress {rule['code']}, or on a resource by the annotation {annotation}."))
    return Group(*lines)


def summary(analysis: Document) -> str:
    """The number of findings of each severity, and of suppressed ones."""
    counted = Counter("suppressed" if each["suppressed"] else each["severity"] for each in analysis["findings"])
    words = [f"{counted[word]} {word}{'s' if counted[word] != 1 and word != 'suppressed' else ''}" for word in counted]
    unread = analysis["unread"]
    without = f" Not allowed to read: {', '.join(unread)}; rules that need these were skipped." if unread else ""
    return f"{analysis['resources']} resources analyzed: {', '.join(words) or 'no findings'}.{without}"


def sarif(analysis: Document) -> Document:
    """A SARIF 2.1.0 log (OASIS) with one run."""
    rules = {rule["code"]: index for index, rule in enumerate(analysis["rules"])}
    driver = {
        "name": "meshwright",
        "version": metadata.version("meshwright"),
        "rules": [_sarif_rule(rule) for rule in analysis["rules"]],
    }
    results = [_sarif_result(each, rules[each["code"]]) for each in analysis["findings"]]
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}],
    }


def junit(analysis: Document) -> str:
    """JUnit XML: a test case for each finding, failed unless it is a note; suppressed ones are skipped."""
    findings = analysis["findings"]
    failed = [each for each in findings if not each["suppressed"] and each["severity"] != "note"]
    skipped = [each for each in findings if each["suppressed"]]
    suite = ElementTree.Element(
        "testsuite",
        name="meshwright analyze",
        tests=str(max(1, len(findings))),
        failures=str(len(failed)),
        errors="0",
        skipped=str(len(skipped)),
    )
    if not findings:
        ElementTree.SubElement(suite, "testcase", classname="analyze", name=f"{analysis['resources']} resources")
    for each in findings:
        place = where(each["location"])
        name = f"{each['code']} {resource(each['location'])}".strip()
        case = ElementTree.SubElement(suite, "testcase", classname=place or "live", name=name)
        if each["suppressed"]:
            ElementTree.SubElement(case, "skipped", message=f"suppressed by {each['suppressed']}")
        elif each["severity"] != "note":
            failure = ElementTree.SubElement(case, "failure", type=each["severity"], message=each["message"])
            failure.text = each["remedy"]
        else:
            ElementTree.SubElement(case, "system-out").text = each["message"]
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def where(location: Document) -> str:
    """The file and line; empty for a resource of a cluster."""
    if not location["file"]:
        return ""
    return f"{location['file']}:{location['line']}" if location["line"] else str(location["file"])


def resource(location: Document) -> str:
    """The kind, namespace and name."""
    ref = location["ref"]
    if ref is None:
        return ""
    name = f"{ref['namespace']}/{ref['name']}" if ref.get("namespace") else ref["name"]
    return f"{ref['kind']} {name}"


def _sarif_rule(rule: Document) -> Document:
    return {
        "id": rule["code"],
        "shortDescription": {"text": rule["title"]},
        "fullDescription": {"text": rule["explanation"]},
        "help": {"text": rule["remedy"]},
        "defaultConfiguration": {"level": rule["severity"]},
        "properties": {"equivalents": rule["equivalents"]},
    }


def _sarif_result(finding: Document, rule: int) -> Document:
    result: Document = {
        "ruleId": finding["code"],
        "ruleIndex": rule,
        "level": finding["severity"],
        "message": {"text": finding["message"]},
        "locations": [_sarif_location(finding["location"])],
        "partialFingerprints": {"meshwright/v1": _fingerprint(finding)},
    }
    if finding["related"]:
        result["relatedLocations"] = [_sarif_location(each) for each in finding["related"]]
    if by := finding["suppressed"]:
        kind = "inSource" if "annotation" in by else "external"
        result["suppressions"] = [{"kind": kind, "justification": f"suppressed by {by}"}]
    return result


def _sarif_location(location: Document) -> Document:
    place: Document = {}
    if name := resource(location):
        place["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "resource"}]
    if location["file"]:
        physical: Document = {"artifactLocation": {"uri": quote(location["file"])}}
        if location["line"]:
            physical["region"] = {"startLine": location["line"]}
        place["physicalLocation"] = physical
    return place


def _fingerprint(finding: Document) -> str:
    location = finding["location"]
    text = "\n".join((finding["code"], resource(location), location["pointer"], finding["message"]))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
