"""Attacks on browser sessions, against two API processes: forged, stolen, replayed, fixed, and from other sites.

Invariant: whatever is refused changes nothing, and an end on one process is an end on the other.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.ui_api.access import authentication, sessions
from rig.inputs.openapi_walk import Operation
from rig.intruders.environment import Environment, Wishes
from rig.stack.people import Person
from rig.stack.signing_in import Session, begun, secret_of
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FORGED = "/problems/csrf-proof-required"


@pytest.fixture(scope="module")
def replica(shared: Stack) -> str:
    """The address of another API process on the same servers."""
    return f"http://127.0.0.1:{shared.start_another_api('replica')}"


@pytest.fixture
async def other(replica: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the other process."""
    async with httpx.AsyncClient(base_url=replica, timeout=20) as result:
        yield result


async def sign_in(client: httpx.AsyncClient, **credential: str) -> Session:
    """Begin a session; the client keeps no cookie."""
    answer = await client.post("/v1/session", json=credential or {"token": TOKEN})
    client.cookies.clear()
    return begun(answer)


async def status(client: httpx.AsyncClient, session: Session) -> int:
    """What a process answers to the cookie alone."""
    return (await client.get("/v1/session", headers=session.cookie(str(client.base_url)))).status_code


async def until(client: httpx.AsyncClient, session: Session, expected: int) -> None:
    """Wait until a process answers so."""

    async def is_so() -> bool:
        return await status(client, session) == expected

    await eventually(is_so)


async def test_a_forged_cookie_opens_nothing(shared: Stack, client: httpx.AsyncClient) -> None:
    """Neither an invented one, nor what the bucket holds, nor a token, nor a code, nor a stretched or cut one."""
    session = await sign_in(client)
    code = (await client.post("/v1/session-codes", headers=BEARER)).json()["code"]
    digest = sessions.digest(session.secret)
    invented = ["A" * 43, digest, TOKEN, authentication.digest(TOKEN), code, sessions.digest(code)]
    stretched = [
        session.secret[:-1],
        f"{session.secret}A",
        session.secret.swapcase(),
        f'"{session.secret}',
        "",
        "*",
        ">",
    ]
    for secret in (*invented, *stretched, "session." + digest, "é" * 20):
        raw = f"{sessions.cookie_name(httpx.URL(shared.url).netloc.decode())}={secret}".encode("latin-1")
        answer = await client.get("/v1/meshes", headers={b"Cookie": raw})
        assert answer.status_code in (400, 401), (secret, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert await status(client, session) == 200


async def test_no_write_passes_with_the_cookie_alone(
    environment: Environment, served: list[Operation], wishes: Wishes, client: httpx.AsyncClient
) -> None:
    """Every route that changes something wants the proof of this very session: none, a wrong one, another's."""
    session, another = await sign_in(client), await sign_in(client)
    cookie = session.cookie(environment.stack.url)
    wrong = ["", "0" * 64, another.csrf, session.csrf[:-1], session.csrf.upper() + "0", session.secret]
    writes = [operation for operation in served if operation.writes and operation.role is not None]
    async with mwbus.connect(environment.stack.nats.url, "tester") as bus:
        before = [await bus.stream_bounds(stream) for stream in ("STATE", "COMMANDS")]
        for number, operation in enumerate(writes):
            places, body = wishes[operation.id][0]
            proofs: list[dict[str, str]] = [{}, {sessions.CSRF: wrong[number % len(wrong)]}]
            for proof in proofs:
                answer = await client.request(
                    operation.method,
                    operation.at(*places),
                    headers={**cookie, **proof, "Meshwright-Workspace": environment.one.workspace, "If-Match": "*"},
                    **({} if body is None else {"json": body}),
                )
                assert (answer.status_code, answer.json()["type"]) == (403, FORGED), (operation.id, answer.text)
        assert before == [await bus.stream_bounds(stream) for stream in ("STATE", "COMMANDS")]
    assert len(writes) > 20
    assert await status(client, session) == 200


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin, cross-site"},
    ],
)
async def test_a_page_of_another_site_writes_nothing(
    shared: Stack, client: httpx.AsyncClient, foreign: dict[str, str]
) -> None:
    """Another site, another port of this host: even with the right proof, and neither can it sign somebody in."""
    session = await sign_in(client)
    headers = session.headers(shared.url) | foreign
    written = await client.put("/v1/workspaces/by-another-site", json={}, headers=headers)
    assert (written.status_code, written.json()["type"]) == (403, FORGED)
    forced = await client.post("/v1/session", json={"token": TOKEN}, headers=foreign)
    assert (forced.status_code, "set-cookie" in forced.headers) == (403, False)
    own = {"Origin": shared.url, "Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/v1/session", json={"token": TOKEN}, headers=own)).status_code == 201
    client.cookies.clear()


async def test_a_form_of_another_site_is_not_json(client: httpx.AsyncClient) -> None:
    """What a browser sends without asking the server first (forms, plain text) signs nobody in."""
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        content = f'{{"token": "{TOKEN}"}}'
        answer = await client.post("/v1/session", content=content, headers={"Content-Type": media_type})
        assert (answer.status_code, "set-cookie" in answer.headers) == (415, False)


async def test_a_session_cannot_be_fixed_beforehand(shared: Stack, client: httpx.AsyncClient) -> None:
    """Who plants a cookie in somebody's browser gets nothing by her signing in; her earlier session ends."""
    planted = Session("p" * 43, "")
    answer = await client.post("/v1/session", json={"token": TOKEN}, headers=planted.cookie(shared.url))
    client.cookies.clear()
    session = begun(answer)
    assert session.secret != planted.secret
    assert await status(client, planted) == 401
    again = await client.post("/v1/session", json={"token": TOKEN}, headers=session.cookie(shared.url))
    client.cookies.clear()
    assert await status(client, begun(again)) == 200
    assert await status(client, session) == 401


async def test_a_code_is_worth_one_session_on_all_processes(
    client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    """Two processes that are asked at once: one of them says yes, each time."""
    for _ in range(8):
        code = (await client.post("/v1/session-codes", headers=BEARER)).json()["code"]
        asked = [one.post("/v1/session", json={"code": code}) for one in (client, other, client, other)]
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401]
        client.cookies.clear()
        other.cookies.clear()


async def test_a_session_makes_no_codes(shared: Stack, client: httpx.AsyncClient) -> None:
    """Otherwise a stolen one would live for ever, also beyond signing out."""
    session = await sign_in(client)
    answer = await client.post("/v1/session-codes", headers=session.headers(shared.url))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")


async def test_signing_out_ends_a_session_on_every_process(client: httpx.AsyncClient, other: httpx.AsyncClient) -> None:
    """Its cookie is refused by both, and its event stream on the other process ends; others stay."""
    session, stays = await sign_in(client), await sign_in(client)
    await until(other, session, 200)
    headers = session.cookie(str(other.base_url)) | {"Accept": "text/event-stream"}
    async with other.stream("GET", "/v1/events", headers=headers) as stream, asyncio.timeout(60):
        assert stream.status_code == 200
        out = await client.delete("/v1/session", headers=session.headers(str(client.base_url)))
        assert (out.status_code, secret_of(out)) == (204, '""')
        async for _ in stream.aiter_raw():
            pass
    await until(other, session, 401)
    assert await status(client, session) == 401
    assert [await status(one, stays) for one in (client, other)] == [200, 200]


async def test_revoking_the_token_ends_its_sessions_and_codes(
    shared: Stack, client: httpx.AsyncClient, other: httpx.AsyncClient
) -> None:
    """On every process, and a code that was made before is worth nothing."""
    admin = await Person.apart(client, TOKEN)
    made = (await admin.post("/v1/tokens", {"id": "soon-gone", "role": "viewer"})).json()
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    await eventually(lambda: _known(other, bearer))
    session = await sign_in(client, token=made["secret"])
    code = (await client.post("/v1/session-codes", headers=bearer)).json()["code"]
    await until(other, session, 200)
    await admin.ask("DELETE", "/v1/tokens/soon-gone", expect=204)
    for one in (client, other):
        await until(one, session, 401)
    assert (await other.post("/v1/session", json={"code": code})).status_code == 401


async def _known(client: httpx.AsyncClient, bearer: dict[str, str]) -> bool:
    return (await client.get("/v1/whoami", headers=bearer)).status_code == 200


async def test_a_session_ends_by_itself(shared: Stack) -> None:
    """After the time that is set, its cookie and its event stream are over, and the cookie's own age says the same."""
    port = await asyncio.to_thread(shared.start_another_api, "hasty", session_hours=str(3 / 3600))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as hasty:
        answer = await hasty.post("/v1/session", json={"token": TOKEN})
        assert "Max-Age=3;" in answer.headers["set-cookie"]
        hasty.cookies.clear()
        session = begun(answer)
        headers = session.cookie(str(hasty.base_url)) | {"Accept": "text/event-stream"}
        async with hasty.stream("GET", "/v1/events", headers=headers) as stream, asyncio.timeout(60):
            assert stream.status_code == 200
            async for _ in stream.aiter_raw():
                pass
        await until(hasty, session, 401)


async def test_a_token_counts_before_a_cookie(environment: Environment, client: httpx.AsyncClient) -> None:
    """With both, the token decides: it needs no proof, and a wrong one is not mended by a cookie."""
    viewer = await sign_in(client, token=environment.one.tokens["viewer"])
    cookie = viewer.cookie(environment.stack.url)
    both = await client.get("/v1/session", headers=cookie | BEARER)
    assert (both.json()["principal"]["name"], both.json()["csrf"]) == ("admin", "")
    made = await client.put(
        "/v1/workspaces/by-both", json={}, headers=cookie | BEARER | {"Origin": "https://x.example"}
    )
    assert made.status_code in (200, 201)
    for wrong in ("Bearer mwt_wrong", "Basic YTpi", "Bearer"):
        answer = await client.get("/v1/session", headers=cookie | {"Authorization": wrong})
        assert answer.status_code == 401


async def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(client: httpx.AsyncClient) -> None:
    """HttpOnly, SameSite=Strict, no domain; Secure as soon as a proxy says that the browser came by https."""
    for headers, secure in (({}, False), ({"X-Forwarded-Proto": "https"}, True)):
        answer = await client.post("/v1/session", json={"token": TOKEN}, headers=headers)
        client.cookies.clear()
        _, *attributes = answer.headers["set-cookie"].split("; ")
        names = {one.partition("=")[0].lower(): one.partition("=")[2] for one in attributes}
        assert names.keys() - {"expires"} == {
            "httponly",
            "samesite",
            "path",
            "max-age",
            *(["secure"] if secure else []),
        }
        assert names["samesite"].lower() == "strict"
        assert answer.headers["cache-control"] == "no-store"


async def test_guesses_do_not_keep_anybody_out(shared: Stack) -> None:
    """Guessed codes and cookies are refused, soon without being looked up, and who has a token signs in still."""
    port = await asyncio.to_thread(shared.start_another_api, "guessed")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as attacker:
        codes = [(await attacker.post("/v1/session", json={"code": f"{number}"})).status_code for number in range(200)]
        assert set(codes) == {401, 429}
        for number in range(300):
            assert await status(attacker, Session(f"invented-{number}", "")) == 401
        session = await sign_in(attacker)
        assert await status(attacker, session) == 200


async def test_no_secret_is_in_a_log_or_in_the_bucket(shared: Stack, client: httpx.AsyncClient, replica: str) -> None:
    """Not the cookie, the proof, the code or the token, in what is refused neither; who begins and ends one is."""
    session = await sign_in(client)
    code = (await client.post("/v1/session-codes", headers=BEARER)).json()["code"]
    headers = session.headers(shared.url)
    refused = await client.put(f"/v1/designs/{session.secret}", json={}, headers=session.cookie(shared.url))
    assert session.secret not in refused.text.replace(str(refused.request.url.path), "")
    assert code not in (await client.post("/v1/session", json={"code": f"{code}x"})).text
    async with mwbus.connect(shared.nats.url, "tester") as bus:
        bucket = await mwbus.open_bucket(bus, "mw_sessions")
        keys = await bucket.keys()
        entries = [await bucket.get(key) for key in keys]
    stored = "".join([*keys, *(entry.value.decode() for entry in entries if entry)])
    assert sessions.digest(session.secret) in stored
    await client.delete("/v1/session", headers=headers)
    logs = "".join(path.read_text() for path in shared.folder.glob("*.log"))
    for secret in (session.secret, session.csrf, code, TOKEN):
        assert secret not in stored
        assert secret not in logs
        assert hashlib.sha256(secret.encode()).hexdigest() not in logs
    assert "admin signed in" in logs
    assert "admin signed out" in logs
