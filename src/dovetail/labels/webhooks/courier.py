"""Delivers in the background, again and again for a while, one at a time to each address."""

import hashlib
import hmac
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import prometheus_client
from sqlalchemy.engine import Row

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.base.sql import Database
from dovetail.base.vault import Vault
from dovetail.labels.errors import UnknownHostError
from dovetail.labels.store import hooks as rows
from dovetail.web.guarded import Guarded
from dovetail.web.outbound import Policy

__all__ = ["SIGNATURE", "Courier", "Secrets"]

log = telemetry.logger("labels")
AT_ONCE = 8
IDLE_SECONDS = 15.0
LEASE_SECONDS = 60
SLOWEST_SECONDS = 300.0
MOST_ANSWER = 1 << 20
SIGNATURE = "X-Dovetail-Signature"
ATTEMPTS = prometheus_client.Counter(
    "dovetail_labels_webhook_attempts",
    "Attempts to deliver an event of a labelling project, by what came of them.",
    ["result"],
)


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What of a webhook is sealed.

    Attributes:
        headers: sent with each body.
        secret: bodies are signed with it; empty for none.
    """

    headers: dict[str, str] = {}
    secret: str = ""


class Courier:
    """Delivers.

    Args:
        database: where the queue is.
        policy: which addresses may be called.
        vault: opens headers and secrets.
        write_body: writes the body of an action, a project and ids.
        retries: how often a delivery that failed is repeated.
        timeout: seconds for an attempt.
    """

    def __init__(
        self,
        database: Database,
        policy: Policy,
        vault: Vault,
        write_body: Callable[[str, int, list[int]], bytes],
        *,
        retries: int,
        timeout: float,
    ) -> None:
        self._database, self._vault, self._write_body = database, vault, write_body
        self._retries, self._timeout = retries, timeout
        transport = Guarded(policy, most=MOST_ANSWER)
        self._client = httpx.Client(transport=transport, timeout=timeout, follow_redirects=False)
        self._busy: set[int] = set()
        self._guard = threading.Lock()
        self._wake, self._over = threading.Event(), False
        self._pool = ThreadPoolExecutor(AT_ONCE, "labels-webhook")
        self._thread = threading.Thread(target=self._run, name="labels-webhooks", daemon=True)

    def start(self) -> None:
        """Begin; what a process that died had in its hands is due again after a minute."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: something has happened."""
        self._wake.set()

    def stop(self) -> None:
        """End after the attempts under way."""
        self._over = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._timeout + 2)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _run(self) -> None:
        while not self._over:
            self._wake.clear()
            rest = IDLE_SECONDS
            try:
                rest = self._dispatch()
            except Exception as error:
                log.warning("the queue of webhooks cannot be read", error=str(error))
            self._wake.wait(rest)

    def _dispatch(self) -> float:
        """Hand out what is due and return for how many seconds nothing will be."""
        with self._guard:
            busy = sorted(self._busy)
        if len(busy) >= AT_ONCE:
            return IDLE_SECONDS
        due = self._database.read(lambda c: rows.next_due(c, busy))
        now = _now_ms()
        if due is None or due > now:
            return IDLE_SECONDS if due is None else min(IDLE_SECONDS, (due - now) / 1000)
        until = now + LEASE_SECONDS * 1000
        found = self._database.write(lambda c: rows.claim(c, now, until, 64, busy))
        by_hook: dict[int, list[tuple[Row[Any], Row[Any]]]] = {}
        for delivery, hook in found:
            by_hook.setdefault(hook.id, []).append((delivery, hook))
        with self._guard:
            self._busy.update(by_hook)
        for number, several in by_hook.items():
            self._pool.submit(self._deliver_all, number, several)
        return 0.0 if found else 1.0

    def _deliver_all(self, number: int, several: list[tuple[Row[Any], Row[Any]]]) -> None:
        try:
            for delivery, hook in several:
                if self._over:
                    return
                self._deliver(delivery, hook)
        except Exception as error:
            log.warning("an attempt was not recorded", error=str(error))
        finally:
            with self._guard:
                self._busy.discard(number)
            self._wake.set()

    def _deliver(self, delivery: Row[Any], hook: Row[Any]) -> None:
        wrong, may_retry = self._attempt(delivery, hook)
        tried = delivery.attempts + 1
        if wrong and may_retry and tried <= self._retries:
            ATTEMPTS.labels("retried").inc()
            pause = min(2.0 ** (tried - 1), SLOWEST_SECONDS) + random.random() / 2
            due = _now_ms() + int(pause * 1000)
            self._database.write(lambda c: rows.put_off(c, delivery.id, tried, due))
            return
        ATTEMPTS.labels("failed" if wrong else "delivered").inc()
        if wrong:
            log.warning("a webhook was not delivered", url=hook.url, error=wrong, tried=tried)
        self._database.write(lambda c: rows.settle(c, delivery.id))

    def _attempt(self, delivery: Row[Any], hook: Row[Any]) -> tuple[str, bool]:
        """Try once; return what went wrong, and whether a later attempt may do better."""
        try:
            sealed = msgspec.json.decode(self._vault.open("webhook", hook.secrets), type=Secrets)
            body = self._body(delivery, hook)
            headers = {"Content-Type": "application/json", "User-Agent": "dovetail-labels/1"}
            headers |= sealed.headers
            if sealed.secret:
                digest = hmac.new(sealed.secret.encode(), body, hashlib.sha256).hexdigest()
                headers[SIGNATURE] = f"sha256={digest}"
            answer = self._client.post(hook.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return str(error) or type(error).__name__, True
        except DovetailError as error:
            return str(error), isinstance(error, UnknownHostError)
        if answer.is_success:
            return "", False
        status = answer.status_code
        return f"the receiver answered {status}", status == 429 or status >= 500

    def _body(self, delivery: Row[Any], hook: Row[Any]) -> bytes:
        if not hook.send_payload:
            return msgspec.json.encode({"action": delivery.action})
        numbers = msgspec.json.decode(delivery.numbers, type=list[int])
        return self._write_body(delivery.action, delivery.project_id, numbers)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
