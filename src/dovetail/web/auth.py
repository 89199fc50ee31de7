"""Who is calling, and what they may do.

On loopback everybody is the local user, an admin. Elsewhere a request carries an API token, as
`Authorization: Bearer` (or `Token`, the word of Label Studio's clients) or as the password of
basic authentication, which is how the `mlflow` client sends it. Tokens are 256 random bits and are
stored as SHA-256 only. Where the operator says so (`[server] anonymous`), callers without a token
may look and infer, but change nothing.

On loopback a web page that the user happens to visit must not be able to act for them, so the
Host header has to be a loopback name and a cross-origin write is refused.
"""

import base64
import binascii
import hashlib
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import msgspec
import sqlalchemy as sa
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dovetail.base.chain import Chain, Entry, chain_table
from dovetail.base.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
)
from dovetail.base.ids import new_id
from dovetail.base.sql import Database
from dovetail.web.inprocess import INTERNAL
from dovetail.web.problems import ErrorRenderer

__all__ = [
    "LOCAL",
    "ROLES",
    "AuthMiddleware",
    "Gate",
    "Principal",
    "Token",
    "Tokens",
    "require_role",
]

Role = Literal["viewer", "editor", "approver", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "editor", "approver", "admin")
COOKIE = "dovetail_token"
TRUSTED_SECONDS = 1.0
"""How long a token that was looked up is not looked up again."""
_KNOWN = 10_000
OPEN_PATHS = re.compile(r"/(healthz|readyz|health|login|logout|v2/health/(live|ready))$|/static/")
LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1"}


@dataclass(frozen=True)
class Principal:
    """Who is calling.

    Attributes:
        name: shown in every record of what they do.
        role: viewer, editor, approver or admin; each may do what those before it may.
    """

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Return whether the principal's role includes `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = Principal("local", "admin")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An API token as it is listed: never its secret."""

    id: str
    name: str
    role: str
    created: str
    revoked: str | None


_metadata = sa.MetaData()
_tokens = sa.Table(
    "api_tokens",
    _metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("created", sa.String(40), nullable=False),
    sa.Column("revoked", sa.String(40)),
)
_audit = chain_table("audit_log", _metadata)


class Tokens:
    """API tokens, and the audit log of what happens to them.

    Args:
        url: the database.
        anonymous: role of callers who send no token; None refuses them.
    """

    def __init__(self, url: str, *, anonymous: Role | None = None) -> None:
        self.anonymous = anonymous
        self._known: dict[str, tuple[Principal, float]] = {}
        self._database = Database(url, _metadata, name="web")
        self.audit = Chain(self._database, _audit)

    def create(self, name: str, role: str, *, actor: str = LOCAL.name) -> str:
        """Make a token and return its secret, which is shown only this once.

        Raises:
            InvalidInputError: the role is unknown.
        """
        if role not in ROLES:
            raise InvalidInputError(f"role {role!r} is unknown", fix=f"use {', '.join(ROLES)}")
        secret = f"dvt_{secrets.token_urlsafe(32)}"
        row = {
            "id": new_id(),
            "name": name,
            "role": role,
            "digest": _digest(secret),
            "created": datetime.now(UTC).isoformat(),
            "revoked": None,
        }

        def store(connection: sa.Connection) -> None:
            connection.execute(sa.insert(_tokens).values(row))
            facts = {"id": row["id"], "role": role}
            self.audit.append_in(
                connection, actor=actor, kind="token.create", subject=name, body=facts
            )

        self._database.write(store)
        return secret

    def revoke(self, token_id: str, *, actor: str = LOCAL.name) -> None:
        """Make a token worthless from now on.

        Raises:
            NotFoundError: there is no such token, or it was revoked before.
        """

        def change(connection: sa.Connection) -> None:
            now = datetime.now(UTC).isoformat()
            live = (_tokens.c.id == token_id) & _tokens.c.revoked.is_(None)
            if connection.execute(sa.update(_tokens).where(live).values(revoked=now)).rowcount == 0:
                raise NotFoundError(
                    f"token {token_id!r} does not exist or is revoked",
                    fix="list them with: dovetail token list",
                )
            self.audit.append_in(
                connection, actor=actor, kind="token.revoke", subject=token_id, body={}
            )

        self._database.write(change)
        self._known.clear()

    def list(self) -> list[Token]:
        """Return all tokens, newest first."""
        columns = [c for c in _tokens.c if c.name != "digest"]
        query = sa.select(*columns).order_by(_tokens.c.id.desc())
        return self._database.read(
            lambda c: [Token(**dict(row)) for row in c.execute(query).mappings()]
        )

    def check(self, secret: str) -> Principal | None:
        """Return whose token this is, or None.

        A token that is known is looked up again after a second at most, so that many requests cost
        one look, and one that another process revokes is refused a second later at most.
        """
        known = self._known.get(secret)
        now = time.monotonic()
        if known is not None and now < known[1]:
            return known[0]
        principal = self._look_up(secret)
        self._known.pop(secret, None)
        if principal is not None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[secret] = principal, now + TRUSTED_SECONDS
        return principal

    def _look_up(self, secret: str) -> Principal | None:
        query = sa.select(_tokens.c.name, _tokens.c.role).where(
            _tokens.c.digest == _digest(secret), _tokens.c.revoked.is_(None)
        )
        row = self._database.read(lambda c: c.execute(query).first())
        return Principal(row.name, row.role) if row else None

    def identify(self, secret: str | None) -> Principal | None:
        """Return who calls with this token, or with none; None for who may not call at all."""
        if secret:
            return self.check(secret)
        return Principal("anonymous", self.anonymous) if self.anonymous else None

    def admit(self, secret: str | None, *, reads: bool) -> Principal:
        """Return who calls, if they may do what they ask.

        Args:
            secret: the token that was sent; None for none.
            reads: whether the call changes nothing.

        Raises:
            UnauthenticatedError: no token was sent, or it is worthless.
            ForbiddenError: the caller may only read.
        """
        principal = self.identify(secret)
        if principal is None:
            raise UnauthenticatedError(
                "this address needs an API token",
                why="none was sent" if not secret else "the token is unknown or revoked",
                fix="send 'Authorization: Bearer TOKEN'; make one with: dovetail token create",
            )
        if not reads and not principal.may("editor"):
            raise ForbiddenError(
                f"{principal.name} may not change anything",
                why="the role of the token is viewer" if secret else "no token was sent",
                fix="use a token with the role editor",
            )
        return principal

    def entries(self) -> Sequence[Entry]:
        """Return the newest entries of the audit log."""
        return self.audit.entries()

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class Gate:
    """Says who is calling, or refuses.

    Args:
        tokens: where tokens are checked; None means that everybody is the local user.
        reads: regular expressions of paths whose POST only reads.
        opened: regular expressions of paths that carry a proof of their own instead of a token.
    """

    def __init__(
        self, tokens: Tokens | None, reads: Sequence[str] = (), opened: Sequence[str] = ()
    ) -> None:
        self._tokens = tokens
        self._reads, self._opened = _any_of(reads), _any_of(opened)

    @property
    def is_constant(self) -> bool:
        """Whether the same headers on the same path are answered the same for ever."""
        return self._tokens is None

    def identify(self, scope: Mapping[str, Any]) -> Principal:
        """Return who sent a request.

        Args:
            scope: its ASGI scope.

        Raises:
            UnauthenticatedError: it needs a token and has none that is known.
            ForbiddenError: it may not be sent from where it comes, or by whom.
        """
        if scope.get(INTERNAL):
            return LOCAL
        path, method = scope["path"], scope["method"]
        _refuse_cross_site(method, scope["headers"], loopback_only=self._tokens is None)
        if self._tokens is None:
            return LOCAL
        if OPEN_PATHS.match(path) or self._opened.match(path):
            return Principal("anonymous", "viewer")
        reads = method in ("GET", "HEAD", "OPTIONS") or self._reads.match(path) is not None
        return self._tokens.admit(_secret(Headers(raw=scope["headers"])), reads=reads)


class AuthMiddleware:
    """Puts a `Principal` into `request.state.principal`, or refuses.

    Args:
        app: what to protect.
        gate: says who is calling.
        renderer: writes refusals in the protocol's shape.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, renderer: ErrorRenderer) -> None:
        self._app, self._gate, self._renderer = app, gate, renderer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Identify the caller and pass on, or answer with the refusal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            principal = self._gate.identify(scope)
        except (ForbiddenError, UnauthenticatedError) as error:
            answer = _to_login(scope, error) or self._renderer.render(scope["path"], error)
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})$" for one in patterns) or r"(?!)")


def _to_login(scope: Scope, error: Exception) -> Response | None:
    """Where a browser that opens a page without a token is led; None for programs."""
    headers = Headers(scope=scope)
    opens_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    if not opens_page or not isinstance(error, UnauthenticatedError) or "authorization" in headers:
        return None
    query = scope["query_string"].decode("latin-1")
    wanted = scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse("/login?" + urlencode({"next": wanted}), 303)


def require_role(request: Request, role: Role) -> Principal:
    """Return the caller if their role includes `role`.

    Raises:
        ForbiddenError: it does not.
    """
    principal: Principal = request.state.principal
    if not principal.may(role):
        raise ForbiddenError(
            f"{principal.name} may not do this",
            why=f"it needs the role {role}, theirs is {principal.role}",
        )
    return principal


def _refuse_cross_site(
    method: str, headers: Sequence[tuple[bytes, bytes]], *, loopback_only: bool
) -> None:
    host = origin = ""
    for key, value in headers:
        if key == b"host" and not host:
            host = value.decode("latin-1")
        elif key == b"origin" and not origin:
            origin = value.decode("latin-1")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if loopback_only and host and name.lower() not in LOOPBACK:
        raise ForbiddenError(
            f"host {host!r} is not this server",
            why="without tokens only loopback names are answered, so that no web page can rebind",
            fix="call http://127.0.0.1, or turn on tokens with [server] auth = true",
        )
    if origin and method not in ("GET", "HEAD", "OPTIONS") and urlsplit(origin).netloc != host:
        raise ForbiddenError(
            f"a page of {origin} may not change anything here", why="the request is cross-origin"
        )


def _secret(headers: Headers) -> str | None:
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() in ("bearer", "token"):
        return value.strip() or None
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    for part in headers.get("cookie", "").split(";"):
        key, _, content = part.strip().partition("=")
        if key == COOKIE:
            return content
    return None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
