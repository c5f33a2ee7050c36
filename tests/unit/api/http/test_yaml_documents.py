"""YAML from clients: what JSON can express is read unchanged, everything else is refused with its place."""

import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.security import yaml_documents
from meshwright.core.security.yaml_documents import InvalidYaml

text = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\x85"), max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_what_is_written_is_read(value: Any) -> None:
    """Any JSON-like document that PyYAML writes, with every text quoted, is read back as it was."""
    written = yaml.safe_dump(value, default_style='"' if isinstance(value, str) else None, allow_unicode=True)
    quoted = yaml.dump(value, Dumper=_Quoting, allow_unicode=True)
    assert yaml_documents.load(quoted.encode()) == value
    assert isinstance(yaml_documents.load(written.encode()), type(value)) or isinstance(value, str)


@given(st.binary(max_size=300))
def test_bytes_are_read_or_refused(junk: bytes) -> None:
    """Whatever comes is either a document or a refusal; nothing else is raised."""
    try:
        yaml_documents.load(junk)
    except InvalidYaml as error:
        assert str(error)


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("0o17", "0o17"),
        ("2026-01-01", "2026-01-01"),
        ("true", True),
        ("12", 12),
        ("1.5e3", 1500.0),
        ("~", None),
        ("''", ""),
        ("'12'", "12"),
        ("", None),
        ("# nothing\n", None),
    ],
)
def test_scalars_are_what_they_look_like(document: str, value: Any) -> None:
    """The core schema of YAML 1.2: `no` is a text, a time is not a number, a date is text, quotes make text."""
    result = yaml_documents.load(document.encode())
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("a: 1\na: 2\n", "given twice (line 2, column 1)"),
        ("--- 1\n--- 2\n", "one document at a time"),
        ("!!python/object:os.system x", "the tag"),
        ("!important 1", "the tag !important"),
        ("[1]: 2", "a key must be text"),
        ("a: &x [*x]", "not complete"),
        ("a: *nobody", "alias"),
        ("[" * 70 + "]" * 70, "nested deeper than 64"),
        ("a: &a x\n" + "".join(f"b{n}: *a\n" for n in range(101)), "more than 100 aliases"),
        ("[" + "1," * 60_000 + "]", "more than 50000 nodes"),
        ("a: [", "expected"),
        ("a: \xff".encode("latin-1").decode("latin-1"), ""),
    ],
)
def test_what_no_document_needs_is_refused(document: str, words: str) -> None:
    """Each limit has its own message with the place."""
    if not words:
        with pytest.raises(InvalidYaml):
            yaml_documents.load(document.encode("latin-1"))
        return
    with pytest.raises(InvalidYaml, match=words.replace("(", r"\(").replace(")", r"\)")):
        yaml_documents.load(document.encode())


def test_a_bomb_is_refused_before_it_grows() -> None:
    """Nine levels of ten aliases each, a billion values in 300 bytes, are refused at once."""
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    began = time.perf_counter()
    with pytest.raises(InvalidYaml, match="nodes"):
        yaml_documents.load(bomb.encode())
    assert time.perf_counter() - began < 5


class _Quoting(yaml.SafeDumper):
    """Writes every text in quotes, as a careful person would."""


_Quoting.add_representer(str, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"'))
