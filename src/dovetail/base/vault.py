"""Secrets, of webhooks for example, kept so that a copy of the database does not give them away.

A secret has to be read again to sign with, so a hash will not do. It is encrypted with HMAC-SHA256
in counter mode and authenticated with HMAC-SHA256 over all of it, which needs nothing but the
standard library (the construction: Bellare and Namprempre, "Authenticated Encryption", 2000,
encrypt-then-MAC; Bellare, Kilian and Rogaway, "The Security of Cipher Block Chaining", 1994, for a
pseudo-random function in counter mode). MLflow uses Fernet, with a key made anew at each start
unless one is set, so that its secrets do not outlive a restart.
"""

import base64
import binascii
import contextlib
import hmac
import os
import secrets
from pathlib import Path

from dovetail.base.errors import IntegrityError, SettingsError

__all__ = ["Vault"]

SHORTEST = 32
NONCE, TAG = 16, 32


class Vault:
    """Seals and opens secrets.

    Args:
        key: what they are sealed under; empty means that of the file.
        file: where a key is kept that was made here, readable by its owner only.
        setting: what names the key, for messages.

    Raises:
        SettingsError: the key is too short.

    Example:
        >>> vault = Vault("k" * 32, Path("unused"))
        >>> vault.open("hook-1", vault.seal("hook-1", "s3cret"))
        's3cret'
    """

    def __init__(self, key: str, file: Path, setting: str = "[tracking] webhook_key") -> None:
        self._setting = setting
        if key and len(key) < SHORTEST:
            raise SettingsError(
                f"{setting} has {len(key)} characters",
                fix=f"give at least {SHORTEST}, for example from: openssl rand -hex 32",
            )
        self._key, self._file = key.encode(), file

    def seal(self, owner: str, secret: str) -> str:
        """Return a secret as it may be stored.

        Args:
            owner: whose it is; it opens for no other.
            secret: what is to be kept.
        """
        key = self._key or self._made()
        nonce, plain = os.urandom(NONCE), secret.encode()
        hidden = _xor(plain, _stream(key, nonce, len(plain)))
        sealed = nonce + hidden + _tag(key, owner, nonce + hidden)
        return base64.b64encode(sealed).decode()

    def open(self, owner: str, stored: str) -> str:
        """Return a secret that was stored.

        Raises:
            IntegrityError: it was sealed under another key or for another owner, or is damaged.
        """
        key = self._key or self._kept()
        try:
            sealed = base64.b64decode(stored, validate=True)
        except binascii.Error:
            sealed = b""
        hidden, tag = sealed[:-TAG], sealed[-TAG:]
        if not key or not hmac.compare_digest(tag, _tag(key, owner, hidden)):
            raise IntegrityError(
                "the secret of the webhook cannot be opened",
                why="it was stored under another key",
                fix=f"set {self._setting} to the same on all servers, or set the secret anew",
            )
        nonce, rest = hidden[:NONCE], hidden[NONCE:]
        return _xor(rest, _stream(key, nonce, len(rest))).decode()

    def _made(self) -> bytes:
        """Return the key of the file, which is made if there is none."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if not self._kept():
            fresh = self._file.with_name(f"{self._file.name}.{secrets.token_hex(8)}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_hex(32).encode())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(fresh, self._file)  # the first of two processes wins, whole or not at all
            fresh.unlink()
        return self._kept()

    def _kept(self) -> bytes:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return b""


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")


def _stream(key: bytes, nonce: bytes, length: int) -> bytes:
    inner = _derived(key, b"dovetail webhook encryption")
    blocks = -(-length // 32)
    counted = (nonce + number.to_bytes(8, "big") for number in range(blocks))
    return b"".join(hmac.digest(inner, one, "sha256") for one in counted)[:length]


def _tag(key: bytes, owner: str, content: bytes) -> bytes:
    inner = _derived(key, b"dovetail webhook authentication")
    name = owner.encode()
    return hmac.digest(inner, len(name).to_bytes(8, "big") + name + content, "sha256")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
