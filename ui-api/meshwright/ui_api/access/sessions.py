"""Browser sessions: a cookie in place of a token, and the one-time codes that begin one.

Problem: a browser keeps a token where scripts and other people find it. Invariant: a session is known by the SHA-256 of
256 random bits, which only its HttpOnly cookie contains; it ends by itself, when the user signs out, and when the token
that began it is revoked or expires, on every API process within a second. A code begins one session, also when two
processes are asked at once. A token has a bounded number of sessions and codes.
"""

import asyncio
import datetime
import hashlib
import hmac
import re
import secrets

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.telemetry.allowance import Allowance
from meshwright.schemas import subjects
from meshwright.schemas.base import Model, Moment
from meshwright.ui_api.http.problems import Refusal

COOKIE = "meshwright-session"
"""the name of the cookie; see `cookie_name`"""
CSRF = "Meshwright-CSRF"
"""the request header with the proof"""
_PORT = re.compile(r".*:([0-9]{1,5})\Z")
_SESSION, _CODE = "session.", "code."
_CODE_S = 600.0
"""seconds for which a code is valid"""
MOST = 200
"""sessions of one token; beginning another one ends the oldest"""
CODES = 60
"""codes that one token makes at once on each process, and one each second"""
LOOKS = 60
"""codes that each process looks up at once, and ten each second: guesses do not all reach the bus"""
COOKIES = 200
"""unknown cookies that each process looks up at once, and fifty each second"""
_TIDY_S = 60.0
"""seconds after which ended sessions are forgotten"""


class Record(Model, frozen=True, kw_only=True):
    """A session or code as it is stored: the digest of the token that began it, and its end."""

    token: str
    expires_at: Moment


_DECODER = msgspec.json.Decoder(Record)
_ENCODER = msgspec.json.Encoder()


def digest(secret: str) -> str:
    """What is stored in place of a session's or code's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def proof(secret: str) -> str:
    """The CSRF proof of a session: whoever knows it has read an answer of this server within that session."""
    return hmac.digest(secret.encode(), b"meshwright csrf", "sha256").hex()


def cookie_name(host: str) -> str:
    """The cookie's name for a server at that address.

    A browser sends the cookies of a host to all its ports, so that two servers on one machine would sign each other's
    users out: where the address has a port, the name has it too.
    """
    port = _PORT.match(host)
    return f"{COOKIE}-{port[1]}" if port else COOKIE


class Sessions:
    """The sessions and codes in their bucket. Run `follow` concurrently; `loaded` is set when all have been read."""

    def __init__(self, bucket: mwbus.KeyValue, seconds: float, *, only_https: bool = False) -> None:
        """`seconds`: how long a session lasts at most. `only_https`: browsers send cookies by https only, also where
        a proxy does not say how it was asked.
        """
        self.only_https = only_https
        self._seconds = seconds
        self._codes = Allowance(burst=CODES, per_second=1)
        self._looks = Allowance(burst=LOOKS, per_second=10)
        self._unknown = Allowance(burst=COOKIES, per_second=50)
        self._tidied = now()
        self._bucket = bucket
        self._records: dict[str, Record] = {}
        self.loaded = asyncio.Event()

    async def follow(self) -> None:
        """Keep the sessions current, until cancelled."""
        async with self._bucket.watch(_SESSION) as changes:
            async for change in changes:
                name = change.key.removeprefix(_SESSION)
                if not change.key:
                    self.loaded.set()
                elif change.entry is None:
                    self._records.pop(name, None)
                else:
                    self._records[name] = _DECODER.decode(change.entry.value)
                    self._forget_ended()

    def _forget_ended(self) -> None:
        present = now()
        if (present - self._tidied).total_seconds() > _TIDY_S:
            self._tidied = present
            self._records = {name: record for name, record in self._records.items() if record.expires_at > present}

    async def find(self, secret: str) -> Record | None:
        """The session of a cookie, or None. Raises BusUnavailable."""
        name = digest(secret)
        record = self._records.get(name)
        if record is None and self._unknown.take() is not None:
            # another process may have begun it a moment ago; invented cookies do not all reach the bus
            entry = await self._bucket.get(_SESSION + name)
            record = _DECODER.decode(entry.value) if entry else None
        return record if record and record.expires_at > now() else None

    def token_of(self, name: str) -> str:
        """The digest of the token behind the session of that digest; empty when it has ended."""
        record = self._records.get(name)
        return record.token if record and record.expires_at > now() else ""

    async def begin(self, token: str, until: datetime.datetime | None) -> tuple[str, Record]:
        """A new session for the token of that digest, which ends at `until` at the latest: its secret and record.

        Raises BusUnavailable.
        """
        end = now() + datetime.timedelta(seconds=self._seconds)
        record = Record(token=token, expires_at=min(end, until) if until else end)
        secret = secrets.token_urlsafe(32)
        name = digest(secret)
        await self._store(_SESSION + name, record)
        self._records[name] = record
        await self._end_oldest(token)
        return secret, record

    async def _end_oldest(self, token: str) -> None:
        own = [(record.expires_at, name) for name, record in self._records.items() if record.token == token]
        for _, name in sorted(own)[: max(len(own) - MOST, 0)]:
            await self._end(name)

    async def end(self, secret: str) -> None:
        """End a session on every process. Raises BusUnavailable."""
        await self._end(digest(secret))

    async def _end(self, name: str) -> None:
        await self._bucket.delete(_SESSION + name)
        self._records.pop(name, None)

    async def new_code(self, token: str) -> tuple[str, Record]:
        """A code that begins one session for the token of that digest, and its record.

        Raises Refusal `too-many-requests`, BusUnavailable.
        """
        if self._codes.take(token) is None:
            raise Refusal("too-many-requests", "this token has made many codes a moment ago")
        record = Record(token=token, expires_at=now() + datetime.timedelta(seconds=_CODE_S))
        code = secrets.token_urlsafe(32)
        await self._store(_CODE + digest(code), record)
        return code, record

    async def redeem(self, code: str) -> Record | None:
        """Use a code up: its record for exactly one caller, None for all others.

        Raises Refusal `too-many-requests`, BusUnavailable.
        """
        if self._looks.take() is None:
            raise Refusal("too-many-requests", "many codes were tried a moment ago; a token signs in meanwhile")
        key = _CODE + digest(code)
        entry = await self._bucket.get(key)
        if entry is None:
            return None
        try:
            await self._bucket.delete(key, revision=entry.revision)
        except mwbus.Conflict:
            return None
        record = _DECODER.decode(entry.value)
        return record if record.expires_at > now() else None

    async def _store(self, key: str, record: Record) -> None:
        seconds = max((record.expires_at - now()).total_seconds(), 1.0)
        await self._bucket.create(key, _ENCODER.encode(record), ttl=round(seconds))


async def open_sessions(bus: mwbus.Connection) -> mwbus.KeyValue:
    """The bucket of sessions. Raises BusUnavailable."""
    return await mwbus.open_bucket(bus, subjects.SESSIONS.name, ttl=subjects.SESSIONS.ttl)


def now() -> datetime.datetime:
    """The present moment in UTC."""
    return datetime.datetime.now(datetime.UTC)
