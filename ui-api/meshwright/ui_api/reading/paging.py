"""Page tokens: opaque, signed, and bound to the list that issued them.

Invariant: a token works only with the same workspace, route, filters and order; it carries no authorization, and one
that was altered is refused.
"""

import base64
import binascii
import hashlib
import hmac

from meshwright.ui_api.http.problems import invalid

_SIGNATURE = 16
"""number of bytes"""


class Tokens:
    """Signs cursors with a key that all processes of one installation share."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"page tokens\0" + key).digest()

    def sign(self, cursor: str, scope: str) -> str:
        """The token for a cursor of the list `scope`; empty for an empty cursor."""
        if not cursor:
            return ""
        mixed = self._masked(cursor.encode(), scope)
        return base64.urlsafe_b64encode(self._signature(mixed, scope) + mixed).decode().rstrip("=")

    def read(self, token: str, scope: str) -> str:
        """The cursor in a token; empty for an empty token. Raises Refusal `invalid-request`."""
        if not token:
            return ""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        signature, mixed = raw[:_SIGNATURE], raw[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._signature(mixed, scope)):
            raise invalid(
                "not a token of this list: filters and order must stay the same from page to page",
                "#/query/page_token",
            )
        return self._masked(mixed, scope).decode()

    def _signature(self, mixed: bytes, scope: str) -> bytes:
        return hmac.new(self._key, scope.encode() + b"\0" + mixed, hashlib.sha256).digest()[:_SIGNATURE]

    def _masked(self, text: bytes, scope: str) -> bytes:
        """Obfuscates the cursor, so that clients do not depend on its contents; it is not a secret."""
        mask = hashlib.shake_128(self._key + scope.encode()).digest(len(text))
        return bytes(a ^ b for a, b in zip(text, mask, strict=True))
