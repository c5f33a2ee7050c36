"""Browser sessions: what a cookie may do, and when it ends."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from meshwright.core.telemetry.allowance import Allowance
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.memory.buckets import MemoryBucket
from meshwright.schemas import access
from meshwright.ui_api.access import authentication, sessions
from meshwright.ui_api.live.quota import StreamQuota
from meshwright.ui_api.live.streaming import Client, EventFilter

Harness = Any
ADMIN = "an admin token of a test"


@asynccontextmanager
async def following(harness: Harness) -> AsyncIterator[MemoryBucket]:
    """The harness with its sessions in this bucket, as the process has them."""
    bucket = harness.bus.bucket("mw_sessions")
    task = asyncio.create_task(harness.api.sessions.follow())
    try:
        async with asyncio.timeout(60):
            await harness.api.sessions.loaded.wait()
        yield bucket
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sign_in(harness: Harness, **credential: str) -> httpx.Response:
    answer: httpx.Response = await harness.client.post("/v1/session", json=credential or {"token": ADMIN})
    harness.client.cookies.clear()  # otherwise the next sign-in would end this session
    return answer


def cookie(answer: httpx.Response) -> dict[str, str]:
    """The cookie of a session, as a header; the client itself keeps none."""
    value = answer.headers["set-cookie"].split(";")[0]
    return {"Cookie": value}


WORKSPACE = {"description": "made in a browser"}


async def test_a_session_reads_with_its_cookie_and_writes_with_its_proof(harness: Harness) -> None:
    """The cookie is HttpOnly and strict; the proof of another session does not count."""
    async with following(harness):
        begun = await sign_in(harness)
        assert begun.status_code == 201
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(begun.headers["set-cookie"].split("; "))
        assert begun.headers["cache-control"] == "no-store"
        mine = cookie(begun)
        shown = await harness.client.get("/v1/session", headers=mine)
        assert shown.json()["principal"]["name"] == "admin"
        assert shown.json()["csrf"] == begun.json()["csrf"]
        other = (await sign_in(harness)).json()["csrf"]
        for headers in (mine, mine | {"Meshwright-CSRF": other}, mine | {"Meshwright-CSRF": ""}):
            refused = await harness.client.put("/v1/workspaces/w1", json=WORKSPACE, headers=headers)
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/csrf-proof-required")
        proven = mine | {"Meshwright-CSRF": begun.json()["csrf"]}
        made = await harness.client.put("/v1/workspaces/w1", json=WORKSPACE, headers=proven)
        assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    "foreign",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
    ],
)
async def test_a_page_of_another_site_neither_writes_nor_signs_in(harness: Harness, foreign: dict[str, str]) -> None:
    """Not even with the proof: a browser says where the page is from."""
    async with following(harness):
        begun = await sign_in(harness)
        headers = cookie(begun) | {"Meshwright-CSRF": begun.json()["csrf"]} | foreign
        refused = await harness.client.put("/v1/workspaces/w1", json=WORKSPACE, headers=headers)
        assert refused.status_code == 403
        forced = await harness.client.post("/v1/session", json={"token": ADMIN}, headers=foreign)
        assert (forced.status_code, "set-cookie" in forced.headers) == (403, False)


async def test_a_session_ends_with_sign_out_and_with_its_token(harness: Harness) -> None:
    """From then on its cookie opens nothing, and its open event stream is no longer valid."""
    async with following(harness):
        person = harness.person("operator")
        begun = await sign_in(harness, token=person.token)
        credential = "session:" + sessions.digest(cookie(begun)["Cookie"].partition("=")[2])
        assert harness.api.callers.is_valid(credential)
        proven = cookie(begun) | {"Meshwright-CSRF": begun.json()["csrf"]}
        out = await harness.client.delete("/v1/session", headers=proven)
        assert out.status_code == 204
        assert "Max-Age=0" in out.headers["set-cookie"]
        assert not harness.api.callers.is_valid(credential)
        assert (await harness.client.get("/v1/session", headers=proven)).status_code == 401

        again = await sign_in(harness, token=person.token)
        name = next(iter(harness.directory.tokens("default"))).id
        gone = access.ResourceDeleted(kind="token", id=name, principal="test")
        harness.learn("default", "token", name, gone)
        assert (await harness.client.get("/v1/session", headers=cookie(again))).status_code == 401


async def test_a_session_never_outlives_its_token(harness: Harness) -> None:
    """Its end is that of the token, when that comes first."""
    async with following(harness):
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
        person = harness.person("viewer", expires_at=soon)
        begun = await sign_in(harness, token=person.token)
        assert datetime.datetime.fromisoformat(begun.json()["expires_at"]) == soon


async def test_a_code_begins_one_session(harness: Harness) -> None:
    """It is used up by the first, and gives the role of who made it."""
    async with following(harness):
        person = harness.person("operator")
        made = await harness.client.post("/v1/session-codes", headers={"Authorization": f"Bearer {person.token}"})
        assert made.status_code == 201
        code = made.json()["code"]
        first = await sign_in(harness, code=code)
        assert first.json()["principal"]["role"] == "operator"
        assert (await sign_in(harness, code=code)).status_code == 401


@pytest.mark.parametrize("wrong", [{"token": "mwt_guess"}, {"code": "guess"}, {"token": "a", "code": "b"}, {}])
async def test_what_signs_nobody_in_sets_no_cookie(harness: Harness, wrong: dict[str, str]) -> None:
    """A guess is refused with 401, and an unclear request with 422."""
    async with following(harness):
        answer = await harness.client.post("/v1/session", json=wrong)
        assert answer.status_code == (401 if len(wrong) == 1 else 422)
        assert "set-cookie" not in answer.headers


async def test_the_bucket_holds_no_secret(harness: Harness) -> None:
    """Only digests: whoever reads it cannot sign in."""
    async with following(harness) as bucket:
        begun = await sign_in(harness)
        secret = cookie(begun)["Cookie"].partition("=")[2]
        stored = "".join([*bucket.entries, *(entry.value.decode() for entry in bucket.entries.values())])
    assert len(bucket.entries) == 1
    assert secret not in stored
    assert ADMIN not in stored


async def test_the_oldest_session_of_a_token_ends_for_one_too_many(harness: Harness, monkeypatch: Any) -> None:
    """One token cannot fill the bucket, and those of others stay."""
    monkeypatch.setattr(sessions, "MOST", 3)
    async with following(harness) as bucket:
        other = await sign_in(harness)
        token = harness.person("viewer").token
        mine = [await sign_in(harness, token=token) for _ in range(5)]
        shown = [(await harness.client.get("/v1/session", headers=cookie(one))).status_code for one in (*mine, other)]
        assert shown == [401, 401, 200, 200, 200, 200]
        assert len(bucket.entries) == 4


async def test_codes_are_made_and_tried_at_a_bounded_rate(harness: Harness) -> None:
    """Of many at once the last are refused with 429: of one token's codes, and of all guesses; tokens sign in still."""
    headers = {"Authorization": f"Bearer {harness.person('viewer').token}"}
    harness.api.sessions._codes = Allowance(burst=sessions.CODES, per_second=0)  # as if no time went by
    harness.api.sessions._looks = Allowance(burst=sessions.LOOKS, per_second=0)
    made = [await harness.client.post("/v1/session-codes", headers=headers) for _ in range(sessions.CODES + 20)]
    assert [answer.status_code for answer in made[: sessions.CODES]] == [201] * sessions.CODES
    assert (made[-1].status_code, made[-1].headers["retry-after"]) == (429, "1")
    headers = {"Authorization": f"Bearer {harness.person('viewer').token}"}
    assert (await harness.client.post("/v1/session-codes", headers=headers)).status_code == 201
    tried = [(await sign_in(harness, code=f"guess {number}")).status_code for number in range(sessions.LOOKS + 100)]
    assert set(tried[: sessions.LOOKS]) == {401}
    assert tried[-1] == 429
    assert (await sign_in(harness)).status_code == 201


@pytest.mark.parametrize(
    ("forwarded", "only_https", "secure"),
    [
        ("", False, False),
        ("https", False, True),
        ("https, http", False, True),
        ("http", False, False),
        ("", True, True),
    ],
)
async def test_a_cookie_by_https_is_secure(harness: Harness, forwarded: str, only_https: bool, secure: bool) -> None:
    """As the proxy says that the request came, or always when the operator says so."""
    harness.api.sessions.only_https = only_https
    answer = await harness.client.post(
        "/v1/session", json={"token": ADMIN}, headers={"X-Forwarded-Proto": forwarded} if forwarded else {}
    )
    assert ("Secure" in answer.headers["set-cookie"].split("; ")) == secure


async def test_sessions_of_one_token_share_its_event_streams(harness: Harness) -> None:
    """Signing in again gives no further share."""
    token = harness.person("viewer").token
    callers = [await sign_in(harness, token=token) for _ in range(2)]
    own = authentication.digest(token)
    clients = {Client(EventFilter(workspace="default"), f"session:{n}", own) for n in range(StreamQuota().per_token)}
    harness.api.hub.clients.update(clients)
    for one in callers:
        headers = cookie(one) | {"Accept": "text/event-stream"}
        assert (await harness.client.get("/v1/events", headers=headers)).status_code == 429


async def test_a_new_session_ends_the_one_that_the_browser_had(harness: Harness) -> None:
    """One browser has one session: the former cookie opens nothing."""
    async with following(harness) as bucket:
        former = await sign_in(harness)
        again = await harness.client.post("/v1/session", json={"token": ADMIN}, headers=cookie(former))
        assert again.status_code == 201
        assert len(bucket.entries) == 1
        assert (await harness.client.get("/v1/session", headers=cookie(former))).status_code == 401


async def test_invented_cookies_do_not_keep_the_bus_busy(harness: Harness) -> None:
    """Beyond some, an unknown cookie is refused without asking the bucket; known ones go on."""
    async with following(harness) as bucket:
        begun, asked = await sign_in(harness), 0
        read = bucket.get

        async def counted(key: str) -> Any:
            nonlocal asked
            asked += 1
            return await read(key)

        bucket.get = counted  # type: ignore[method-assign]
        harness.api.sessions._unknown = Allowance(burst=sessions.COOKIES, per_second=0)  # as if no time went by
        for number in range(2 * sessions.COOKIES):
            assert await harness.api.sessions.find(f"invented {number}") is None
        assert asked == sessions.COOKIES
        assert (await harness.client.get("/v1/session", headers=cookie(begun))).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8081", "meshwright-session-8081"),
        ("mesh.example", "meshwright-session"),
        ("[::1]:8410", "meshwright-session-8410"),
        ("[::1]", "meshwright-session"),
        ("8081", "meshwright-session"),
        ("x:8081a", "meshwright-session"),
        ("x:123456", "meshwright-session"),
        ("x:80\n", "meshwright-session"),
        ("", "meshwright-session"),
    ],
)
def test_servers_on_one_host_have_cookies_of_their_own(host: str, expected: str) -> None:
    """A browser sends a host's cookies to all its ports, so the name has the port."""
    assert sessions.cookie_name(host) == expected


async def test_a_proxy_that_changes_the_host_is_no_other_site(harness: Harness) -> None:
    """What it says of the host before counts: a page of another site cannot set that header."""
    async with following(harness):
        begun = await sign_in(harness)
        headers = cookie(begun) | {"Meshwright-CSRF": begun.json()["csrf"], "Origin": "https://tools.example"}
        assert (await harness.client.put("/v1/workspaces/w1", json=WORKSPACE, headers=headers)).status_code == 403
        headers["X-Forwarded-Host"] = "tools.example"
        assert (await harness.client.put("/v1/workspaces/w1", json=WORKSPACE, headers=headers)).status_code == 201


async def test_ended_sessions_are_forgotten(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory that they take is given back when others begin later."""
    monkeypatch.setattr(sessions, "_TIDY_S", 0.0)
    async with following(harness):
        soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=300)
        person = harness.person("viewer", expires_at=soon)
        await sign_in(harness, token=person.token)

        async def forgotten() -> bool:
            await sign_in(harness)
            return all(record.expires_at > soon for record in harness.api.sessions._records.values())

        await eventually(forgotten)
