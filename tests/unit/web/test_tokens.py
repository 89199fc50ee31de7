"""A token is looked up once for many requests, and is worthless soon after it was revoked."""

import pytest

from dovetail.web import auth
from dovetail.web.auth import Principal, Tokens


@pytest.fixture
def tokens(database_url):
    opened = Tokens(database_url)
    yield opened
    opened.close()


def test_a_token_that_this_process_revokes_is_refused_at_once(tokens):
    secret = tokens.create("ann", "editor")
    assert tokens.check(secret) == Principal("ann", "editor")
    tokens.revoke(tokens.list()[0].id)
    assert tokens.check(secret) is None


def test_a_token_that_another_process_revokes_is_refused_a_moment_later(
    tokens, database_url, monkeypatch
):
    now = [100.0]
    monkeypatch.setattr(auth.time, "monotonic", lambda: now[0])
    secret = tokens.create("ann", "editor")
    assert tokens.check(secret)
    other = Tokens(database_url)
    other.revoke(other.list()[0].id)
    other.close()
    now[0] += auth.TRUSTED_SECONDS + 0.01
    assert tokens.check(secret) is None


def test_a_token_that_is_made_later_is_known_at_once(tokens):
    assert tokens.check("dvt_unknown") is None
    secret = tokens.create("ben", "viewer")
    assert tokens.check(secret) == Principal("ben", "viewer")
