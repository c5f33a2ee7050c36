"""A browser's session, as the server has begun it, for tests that send its cookie and its proof by hand."""

from urllib.parse import urlsplit

import httpx
import msgspec

from meshwright.ui_api.access import sessions


class Session(msgspec.Struct, frozen=True):
    """The secret in the cookie, and the proof that writes carry."""

    secret: str
    csrf: str

    def cookie(self, url: str) -> dict[str, str]:
        """The cookie alone, as a browser adds it to requests to that server."""
        return {"Cookie": f"{sessions.cookie_name(urlsplit(url).netloc)}={self.secret}"}

    def headers(self, url: str) -> dict[str, str]:
        """The cookie and the proof, as the dashboard sends them."""
        return self.cookie(url) | {sessions.CSRF: self.csrf}


def begun(answer: httpx.Response) -> Session:
    """The session that this answer has begun."""
    assert answer.status_code == 201, answer.text
    return Session(secret_of(answer), answer.json()["csrf"])


def secret_of(answer: httpx.Response) -> str:
    """The value of the cookie that an answer sets."""
    return answer.headers["set-cookie"].partition("=")[2].partition(";")[0]


def sign_in(url: str, **credential: str) -> Session:
    """Begin a session with a token or a code; blocks."""
    return begun(httpx.post(f"{url}/v1/session", json=credential))
