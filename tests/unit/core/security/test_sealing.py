"""Sealed secrets: readable with the key in their context, and in no other way."""

import asyncio
import stat
from pathlib import Path

import msgspec
import pytest

from meshwright.core.security import sealing
from meshwright.schemas.sealing import Sealed


def test_a_secret_opens_in_its_own_context_only(tmp_path: Path) -> None:
    """A sealed secret that is copied to another workspace or resource, or altered, does not open."""
    sealer = sealing.from_file(tmp_path / "keys")
    sealed = sealer.seal(b"canary", "w1", "webhook", "ops")
    assert sealer.open(sealed, "w1", "webhook", "ops") == b"canary"
    assert b"canary" not in msgspec.json.encode(sealed)
    assert sealer.seal(b"canary", "w1", "webhook", "ops") != sealed
    for context in (("w2", "webhook", "ops"), ("w1", "webhook", "other"), ()):
        with pytest.raises(sealing.CannotOpen, match="another resource"):
            sealer.open(sealed, *context)
    altered = msgspec.structs.replace(sealed, ciphertext=sealed.ciphertext[:-1] + b"\0")
    with pytest.raises(sealing.CannotOpen):
        sealer.open(altered, "w1", "webhook", "ops")


def test_a_new_key_is_put_in_front_of_the_old_ones(tmp_path: Path) -> None:
    """After a change of keys new secrets use the new one, old secrets still open, and a missing key is named."""
    file, other = tmp_path / "keys", tmp_path / "other"
    old = sealing.from_file(file).seal(b"one", "w")
    sealing.from_file(other)
    file.write_text(other.read_text() + file.read_text())
    both = sealing.from_file(file)
    new = both.seal(b"two", "w")
    assert new.key_id != old.key_id
    assert (both.open(old, "w"), both.open(new, "w")) == (b"one", b"two")
    with pytest.raises(sealing.CannotOpen, match=old.key_id):
        sealing.from_file(other).open(old, "w")


async def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    """The key file is created once, atomically and for its owner only, by whichever process is first."""
    file = tmp_path / "deep" / "keys"
    sealers = await asyncio.gather(*(asyncio.to_thread(sealing.from_file, file) for _ in range(8)))
    sealed = sealers[0].seal(b"x", "w")
    assert [sealer.open(sealed, "w") for sealer in sealers] == [b"x"] * 8
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keys"]


@pytest.mark.parametrize("text", ["", "short\n", "AAAA\n", "é\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    """A damaged key file stops the process with a clear error, and is never overwritten."""
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(sealing.InvalidKeyFile, match="base64"):
        sealing.from_file(file)
    assert file.read_text() == text


def test_a_sealed_secret_survives_the_wire() -> None:
    """What is stored on the stream is what was sealed, to the byte."""
    sealed = Sealed(key_id="k", nonce=bytes(range(12)), ciphertext=bytes(range(256)))
    assert msgspec.json.decode(msgspec.json.encode(sealed), type=Sealed) == sealed
