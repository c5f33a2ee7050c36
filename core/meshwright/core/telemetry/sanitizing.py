r"""Escaping of text from outside, so that control characters do no harm in terminals and logs.

Problem: a reason, a name or an event may contain characters that repaint a terminal, change the direction of the text
beside them, or are invisible. Invariant: every output is escaped here, and what remains is visible in its place; a
hidden character becomes its escape, as in \u202e, which JSON and YAML read back as the original.
"""

import re

HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 except tab and line feed, DEL, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # invisible, or changing the direction
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line and paragraph separators, bidirectional controls
    "\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb"  # fillers, variation selectors except the emoji's, byte order mark
    "\ufffe\uffff"  # what is no character, and breaks XML
    "\ud800-\udfff"  # lone surrogates
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical controls, tags, more variation selectors
    "]"
)
"""invisible characters, and those that change how others are displayed"""
_ASTRAL = 0x10000


def escaped(text: str) -> str:
    r"""The text for people, or a YAML document whose hidden characters are in double quotes: \uXXXX, \UXXXXXXXX."""
    return HIDDEN.sub(_escape, text)


def line(text: str) -> str:
    """The text on one line."""
    return escaped(text).replace("\n", "\\n").replace("\t", "\\t")


def json(text: str) -> str:
    """An encoded JSON document, escaped without changing its value."""
    return HIDDEN.sub(_escape_for_json, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code < _ASTRAL else f"\\U{code:08x}"


def _escape_for_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
