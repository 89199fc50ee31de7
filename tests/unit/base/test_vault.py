"""Secrets of webhooks at rest."""

import base64
import stat
from pathlib import Path

import pytest

from dovetail.base.errors import IntegrityError, SettingsError
from dovetail.base.vault import Vault

KEY = "k" * 32


@pytest.mark.parametrize("secret", ["s", "s3cret", "é" * 500, "x" * 31, "x" * 32, "x" * 33])
def test_a_secret_comes_back_and_is_not_to_be_seen(tmp_path: Path, secret: str) -> None:
    vault = Vault(KEY, tmp_path / "key")
    stored = vault.seal("hook", secret)
    assert vault.open("hook", stored) == secret
    assert secret.encode() not in base64.b64decode(stored) or len(secret) == 1
    assert vault.seal("hook", secret) != stored


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "state/webhook.key"
    stored = Vault("", file).seal("hook", "s3cret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["webhook.key"]
    kept = file.read_bytes()
    again = Vault("", file)
    assert again.open("hook", stored) == "s3cret"
    again.seal("hook", "other")
    assert file.read_bytes() == kept


def test_a_secret_opens_for_its_webhook_and_under_its_key_only(tmp_path: Path) -> None:
    file = tmp_path / "key"
    stored = Vault(KEY, file).seal("hook", "s3cret")
    damaged = base64.b64encode(base64.b64decode(stored)[:-1] + b"?").decode()
    for vault, owner, text in (
        (Vault(KEY, file), "other", stored),
        (Vault("another key of 32 characters or so", file), "hook", stored),
        (Vault("", file), "hook", stored),
        (Vault(KEY, file), "hook", damaged),
        (Vault(KEY, file), "hook", stored[:20]),
        (Vault(KEY, file), "hook", "no base64"),
        (Vault(KEY, file), "hook", ""),
    ):
        with pytest.raises(IntegrityError, match="the secret of the webhook cannot be opened"):
            vault.open(owner, text)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="webhook_key has 5 characters"):
        Vault("short", tmp_path / "key")
