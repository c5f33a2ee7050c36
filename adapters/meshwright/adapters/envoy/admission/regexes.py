"""Regular expressions as Envoy accepts them: RE2's syntax, and a limit on the size of the program.

Problem: what Python's `re` accepts is not what Envoy accepts, and Envoy rejects a whole configuration for one
expression. Invariant: what is valid here is compiled by Envoy with its default settings.
"""

import functools
from typing import Any

import re2  # type: ignore[import-untyped]  # google-re2 has no types

from meshwright.schemas.intents import LONGEST_REGEX

LARGEST_PROGRAM = 100
"""number of instructions; the default of Envoy's `re2.max_program_size.error_level`"""


@functools.lru_cache(maxsize=1024)
def problem(text: str) -> str:
    """The problem of a regular expression; empty when Envoy accepts it."""
    if len(text) > LONGEST_REGEX:
        return f"a regular expression may have {LONGEST_REGEX} characters, not {len(text)}: match less, or a prefix"
    try:
        size = int(re2.compile(text.encode(), _options()).programsize)
    except re2.error as error:
        words = error.args[0].decode(errors="replace")
        return f"it is not a valid RE2 regular expression, which Envoy uses: {words}"
    if size > LARGEST_PROGRAM:
        return (
            f"the regular expression compiles to a program of {size} instructions, and Envoy takes {LARGEST_PROGRAM}: "
            "repeat less, or divide it into several matches"
        )
    return ""


@functools.lru_cache(maxsize=1)
def _options() -> Any:
    """The options with which Envoy compiles: over bytes, which gives other programs than over characters."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return options
