"""Hostile input: texts for names, queries and headers, and documents.

Invariant: plain data, each with a name that describes the attack; new ones are added here, and every place that accepts
input is tested with them.
"""

import gzip
import json

NAMES = {
    "up": "..",
    "up, encoded": "%2e%2e",
    "up, in capitals": "%2E%2E%2F%2E%2E%2F",
    "a file": "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "a file, encoded twice": "%252e%252e%252f%252e%252e%252fetc%252fpasswd",
    "a file, overlong": "..%c0%af..%c0%afetc%c0%afpasswd",
    "a file with backslashes": "..%5c..%5cetc%5cpasswd",
    "wide dots": "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
    "an absolute path": "%2fetc%2fpasswd",
    "NUL": "%00",
    "NUL inside": "a%00b",
    "a line break": "a%0d%0aX-Evil:%201",
    "a line break of Unicode": "a%e2%80%a8b",
    "no UTF-8": "%ff%fe",
    "half a surrogate": "%ed%a0%80",
    "a broken escape": "%zz",
    "half an escape": "a%2",
    "a subject": "a.b",
    "every subject": "%3e",
    "any token": "*",
    "a space": "a%20b",
    "an operator": "%24where",
    "a prototype": "__proto__",
    "a constructor": "constructor",
    "a template": "%7bid%7d",
    "python": "%7b%7b7*7%7d%7d",
    "sql": "a%27%20OR%20%271%27=%271",
    "script": "%3cscript%3ealert(1)%3c%2fscript%3e",
    "right to left": "%e2%80%ae",
    "an accent": "%c3%a9",
    "a Kelvin sign": "%e2%84%aa",
    "capitals": "ABC",
    "a dash": "-",
    "64 characters": "a" * 64,
    "2,000 characters": "a" * 2_000,
    "a verb": "a:delete",
    "two verbs": "a:apply:apply",
    "a semicolon": "a;b=c",
    "a number": "-1",
    "a large number": "9" * 30,
    "not a number": "NaN",
    "nothing": "",
}
"""Percent-encoded, for one segment of a path."""

VALUES = {
    **NAMES,
    "an object": "%7b%22%24gt%22%3a%22%22%7d",
    "a regular expression": "%5b%5b",
    "a wild one": "(a%2b)%2b%24",
    "a float": "1.5",
    "infinity": "Infinity",
    "minus one": "-1",
    "zero": "0",
    "2^63": str(2**63),
    "2^64": str(2**64),
    "exponent": "1e400",
    "true": "true",
    "null": "null",
    "a time without a zone": "2026-01-01T00:00:00",
    "a time before all": "0001-01-01T00:00:00%2b23:59",
    "a time after all": "9999-12-31T23:59:59-23:59",
    "commas": "%2c" * 100,
}
"""Percent-encoded, for the value of a query parameter."""

PARAMETERS = (
    "$where=1", "filter[$gt]=", "id[$ne]=x", "order_by=%24natural", "order_by[]=id", "sort=id;drop", "__proto__[x]=1",
    "a=1&a=1", "=", "&", "%00=1", "page_token=%00", "page_token=" + "A" * 3_000, "page_token=____",
    "page_size=0", "page_size=1e3", "min_seq=-1", "min_event=1.0", "workspace=other", "Meshwright-Workspace=other",
)  # fmt: skip
"""Query strings that no route declares, or none takes."""

HEADERS = {
    "If-Match": ('"', "*", '"*"', "W/", '"1", "2"', ",,,,", '"' + "9" * 40 + '"', "null", '"\\"', '"-1"', '"1e3"'),
    "If-None-Match": ("*", '"', '"1"', "W/*", ",", '"' + "x" * 2_000 + '"'),
    "Idempotency-Key": ('"', '""', '"a', "a\tb", "\u00e9", "a" * 257, '"' + "\\" * 200 + '"', "..", "$where"),
    "Last-Event-ID": ("-1", "x", "1.5", "0x10", "9" * 18, "9" * 19, "9" * 4_000, "\u0661", "1,2", " ", "1_000", "+1"),
    "Meshwright-Workspace": ("*", ">", "..", "system", "a.b", "\u00e9", "a" * 64, "default,default"),
    "Meshwright-Reason": ("x" * 4_000, "\u00e9", "\x7f", "<script>"),
    "traceparent": ("00-zz-zz-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff-" + "a" * 60, "x" * 4_000),
    "Accept": ("text/event-stream, */*", "*/*;q=x", "application/xml", "text/event-stream;" * 100),
    "Authorization": ("Bearer", "Bearer ", "Bearer \u00e9", "Bearer " + "x" * 4_000, "bearer a b", "Basic Og==", ":"),
    "Content-Type": (
        "application/json; charset=utf-16", "application/json, application/yaml", "application/json\tx", "text/json",
        "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/xml", "/", ";", "",
    ),
    "Content-Encoding": ("gzip", "deflate", "br", "zstd", "x", "identity, gzip"),
    "Transfer-Encoding": ("gzip", "identity", "chunked, chunked", "x"),
    "Expect": ("100-continue", "200-ok"),
    "X-Forwarded-For": ("127.0.0.1", "x" * 2_000),
    "X-HTTP-Method-Override": ("DELETE",),
    "Range": ("bytes=0-1", "bytes=" + "0-1," * 500),
    "Host": ("evil.example", ""),
}  # fmt: skip
"""Values by header."""

_DEEP = 1_000
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((98 + n, 98 + n) + (97 + n,) * 9) for n in range(8)
)
YAMLS = {
    "a bomb": BOMB,
    "many aliases": b"description: &a x\nlabels: {" + b"".join(b"k%d: *a, " % n for n in range(150)) + b"}\n",
    "a merge key": b"base: &a {kind: consul}\n<<: *a\n",
    "a merge key of a list": b"<<: [{id: a}, {id: b}]\n",
    "an alias of itself": b"a: &a {b: *a}\n",
    "an anchor twice": b"a: &a 1\nb: &a 2\nc: *a\n",
    "deep lists": b"[" * _DEEP + b"]" * _DEEP,
    "deep maps": b"".join(b" " * n + b"a:\n" for n in range(200)),
    "deep unclosed": b"[" * 100_000,
    "an object": b"!!python/object/apply:os.system ['true']\n",
    "a name": b"a: !!python/name:os.system\n",
    "binary": b"a: !!binary aGk=\n",
    "a set": b"!!set {a, b}\n",
    "a time": b"a: !!timestamp 2026-01-01\n",
    "an unknown tag": b"a: !x y\n",
    "a tag directive": b"%TAG ! tag:evil,2026:\n---\na: !x y\n",
    "a version": b"%YAML 9.9\n---\na: b\n",
    "two documents": b"{}\n---\n{}\n",
    "a key twice": b"id: a\nid: b\n",
    "a key twice, once in quotes": b"id: a\n'id': b\n",
    "a key that is null": b"~: a\n",
    "a key that is a map": b"? {a: b}\n: c\n",
    "a large number": b"a: " + b"9" * 5_000 + b"\n",
    "an exponent": b"a: 1e999999\n",
    "not a number": b"a: .nan\n",
    "infinity": b"a: .inf\n",
    "hexadecimal": b"a: 0xffffffffffffffffff\n",
    "sexagesimal": b"a: 190:20:30:40:50:60\n",
    "NUL": b"a: \x00\n",
    "NUL escaped": b'a: "\\0"\n',
    "a surrogate": b'a: "\\ud800"\n',
    "a BOM": b"\xef\xbb\xbf{}\n",
    "UTF-16": "a: b\n".encode("utf-16"),
    "UTF-32": "a: b\n".encode("utf-32"),
    "no UTF-8": b"a: \xff\xfe\xfd\n",
    "tabs": b"a:\n\t- b\n",
    "a prototype": b"__proto__: {admin: true}\nconstructor: {prototype: {admin: true}}\n",
    "a long line": b"a: " + b"x" * 200_000 + b"\n",
    "many keys": b"{" + b"".join(b"k%d: 1, " % n for n in range(20_000)) + b"}",
}

TEXTS = ("\0", "a\0b", "\x1b[2J", "\u009b31m", "\u202eabc", "\ufeff", "$where", "<script>", "../..", "\U0001f9e8" * 50)
"""for any field that takes a text"""


def _deep(opening: str, closing: str, middle: str = "") -> bytes:
    return (opening * _DEEP + middle + closing * _DEEP).encode()


JSONS = {
    "nothing": b"",
    "a space": b" ",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"1",
    "a list": b"[]",
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "an exponent": b'{"a": 1e999999}',
    "a huge number": b'{"a": ' + b"9" * 10_000 + b"}",
    "a long fraction": b'{"a": 0.' + b"1" * 10_000 + b"}",
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a surrogate as bytes": b'{"a": "\xed\xa0\x80"}',
    "no UTF-8": b'{"a": "\xff"}',
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "NUL": b'{"a": "\x00"}',
    "NUL escaped": b'{"a\\u0000": "\\u0000"}',
    "a BOM": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "a key twice": b'{"id": "a", "id": "b"}',
    "a key twice, once escaped": b'{"id": "a", "\\u0069d": "b"}',
    "a prototype": b'{"__proto__": {"admin": true}, "constructor": {"prototype": {"admin": true}}}',
    "operators": b'{"$where": "sleep(9)", "$set": {"role": "admin"}, "a.b": 1}',
    "a role": b'{"role": "admin", "workspace": "*", "everywhere": true, "principal": "root"}',
    "deep lists": _deep("[", "]"),
    "deep maps": _deep('{"a":', "}", "1"),
    "deep unclosed": b"[" * 200_000,
    "many keys": json.dumps({f"k{n}": n for n in range(30_000)}).encode(),
    "a long key": json.dumps({"k" * 200_000: 1}).encode(),
    "a comment": b"{} // x",
    "two documents": b"{}{}",
    "single quotes": b"{'a': 1}",
    "a trailing comma": b'{"a": 1,}',
    "too large": b'{"reason": "' + b"x" * (2**20 + 1) + b'"}',
    "gzip": gzip.compress(b"{}"),
    "a gzip bomb": gzip.compress(b" " * 50_000_000),
}

FREE = {
    "zero": 0,
    "minus": -1,
    "2^31": 2**31,
    "minus 2^31": -(2**31) - 1,
    "2^53": 2**53 + 1,
    "2^63": 2**63 - 1,
    "minus 2^63": -(2**63),
    "a fraction": 0.1,
    "a small one": 5e-324,
    "a large one": 1.7976931348623157e308,
    "minus zero": -0.0,
    "an operator": {"$where": "1", "$numberLong": "1", "$oid": "x", "$date": 1},
    "dots": {"a.b": {"c.d": 1}, "": 1, ".": 2, "$": 3},
    "a prototype": {"__proto__": {"a": 1}, "constructor": 1},
    "mixed": [1, "1", 1.0, True, None, [], {}],
    "a long list": list(range(2_000)),
    "texts": ["\u2028", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\x1b[2J", "\u202e", "\x7f"],
    "an id": {"_id": 1, "_w": 2, "seq": 3, "id": 4},
    "a time": "2026-01-01T00:00:00Z",
}
"""for data that is anybody's own: whatever of it is accepted is read back equal"""
