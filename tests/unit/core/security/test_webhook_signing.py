"""Signatures as every Standard Webhooks library checks them."""

import base64

from meshwright.core.security import signatures

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID, WHEN, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector() -> None:
    """The standard's own example gives the standard's own signature."""
    assert signatures.headers([KEY], ID, WHEN, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }
    assert signatures.shown(KEY) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_each_key_signs() -> None:
    """While a secret is replaced the header holds one signature for each, divided by a blank."""
    other = signatures.new_secret()
    both = signatures.headers([other, KEY], ID, WHEN, BODY)["webhook-signature"].split(" ")
    assert both[1] == SIGNATURE
    assert both[0] != SIGNATURE


def test_every_part_is_signed() -> None:
    """Another id, time, body or key is another signature."""
    variants = [
        signatures.headers([key], name, when, body)["webhook-signature"]
        for key, name, when, body in (
            (KEY, ID, WHEN, BODY),
            (signatures.new_secret(), ID, WHEN, BODY),
            (KEY, ID + "x", WHEN, BODY),
            (KEY, ID, WHEN + 1, BODY),
            (KEY, ID, WHEN, BODY + b" "),
        )
    ]
    assert len(set(variants)) == len(variants)
