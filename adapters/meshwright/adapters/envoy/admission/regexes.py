"""Regular expressions as Envoy takes them: RE2's syntax, and a bound on the size of the program.

Problem: what Python's `re` takes is not what Envoy takes, and Envoy refuses a whole configuration for one
expression. Invariant: what passes here, Envoy compiles with the settings that it starts with.
"""

import functools
from typing import Any

import re2  # type: ignore[import-untyped]  # google-re2 has no types

from meshwright.schemas.intents import LONGEST_REGEX

LARGEST_PROGRAM = 100
"""instructions; Envoy's `re2.max_program_size.error_level` as long as nothing sets it"""


@functools.lru_cache(maxsize=1024)
def problem(text: str) -> str:
    """What is wrong with a regular expression; nothing when Envoy takes it."""
    if len(text) > LONGEST_REGEX:
        return f"a regular expression may have {LONGEST_REGEX} characters, not {len(text)}: match less, or a prefix"
    try:
        size = int(re2.compile(text.encode(), _options()).programsize)
    except re2.error as error:
        words = error.args[0].decode(errors="replace")
        return f"it is no regular expression of RE2, which Envoy speaks: {words}"
    if size > LARGEST_PROGRAM:
        return (
            f"the regular expression becomes a program of {size} instructions, and Envoy takes {LARGEST_PROGRAM}: "
            "repeat less, or divide it into several matches"
        )
    return ""


@functools.lru_cache(maxsize=1)
def _options() -> Any:
    """As Envoy compiles: over bytes, which makes other programs than over characters."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    return options
