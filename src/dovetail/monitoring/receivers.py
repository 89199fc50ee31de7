"""How each kind of receiver is told of an alert, and the call itself.

Receivers of a file of rules are untrusted: who may change that file must not reach, through this
server, what only this server can reach. So their addresses are held to the policy of webhooks, and
the address that was checked is the one that is called. The address under `[monitoring] webhook` is
the operator's own. Redirects are followed for nobody.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from dovetail.base.errors import DovetailError, UnavailableError
from dovetail.monitoring.rules import Receiver, token_of
from dovetail.web.outbound import Policy
from dovetail.wire.cloudevents import Event, encode_structured
from dovetail.wire.monitoring import ALERT, Alert

__all__ = ["Target", "alertmanager_body", "cloudevent", "webhook_body"]

_TIMEOUT = 10.0
_SEVERITIES = {"warn": "warning", "alarm": "critical"}
Body = tuple[dict[str, str], bytes]
_JSON = {"Content-Type": "application/json"}


class Target:
    """A receiver that can be called, from a thread that has no event loop.

    Args:
        receiver: Who.
        public_url: Where people reach this server, for links.
        policy: Which addresses may be called; None where the operator named the address.
        token: In place of the one in the receiver's environment variable.
        resend: How long an Alertmanager holds an alert without hearing of it again.

    Raises:
        RulesInvalidError: Its token is missing from the environment.
    """

    def __init__(
        self,
        receiver: Receiver,
        *,
        public_url: str = "",
        policy: Policy | None = None,
        token: str | None = None,
        resend: timedelta = timedelta(minutes=1),
    ) -> None:
        self.name, self.repeats = receiver.name, receiver.type == "alertmanager"
        self._policy, self._token = policy, token or token_of(receiver)
        self._url, self._public_url, self._lasts = receiver.url, public_url, resend * 5
        if self.repeats:
            self._url = f"{receiver.url.rstrip('/')}/api/v2/alerts"
        bodies: dict[str, Callable[[Alert, datetime], Body]] = {
            "webhook": self._webhook,
            "cloudevents": lambda alert, _: encode_structured(cloudevent(alert)),
            "alertmanager": self._alertmanager,
        }
        self._body = bodies[receiver.type]

    def send(self, alert: Alert, now: datetime) -> None:
        """Tell the present state of an alert.

        Raises:
            DovetailError: It may not be called, or did not take it.
        """
        headers, body = self._body(alert, now)
        if self._token:
            headers = {**headers, "Authorization": f"Bearer {self._token}"}
        if self._policy is None:
            self._post(httpx.URL(self._url), headers, body, {})
            return
        found = asyncio.run(self._policy.find(self._url))
        headers = {**headers, "Host": found.url.netloc.decode("ascii")}
        for place, address in enumerate(found.addresses):
            try:
                url = found.url.copy_with(host=address)
                return self._post(url, headers, body, {"sni_hostname": found.host})
            except UnavailableError:
                if place + 1 == len(found.addresses):
                    raise

    def _post(
        self, url: httpx.URL, headers: Mapping[str, str], body: bytes, extensions: dict[str, Any]
    ) -> None:
        verify = _trust() if url.scheme == "https" else False
        try:
            # The answer's body says nothing that is needed, so it is not read.
            with (
                httpx.Client(verify=verify, trust_env=False, timeout=_TIMEOUT) as client,
                client.stream(
                    "POST", url, content=body, headers=headers, extensions=extensions
                ) as answer,
            ):
                status = answer.status_code
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"receiver '{self.name}' does not answer", why=str(error) or type(error).__name__
            ) from error
        if not 200 <= status < 300:
            raise DovetailError(f"receiver '{self.name}' answered {status}")

    def _webhook(self, alert: Alert, now: datetime) -> Body:
        return _JSON, msgspec.json.encode(webhook_body(alert, self.name, self._public_url))

    def _alertmanager(self, alert: Alert, now: datetime) -> Body:
        body = alertmanager_body(alert, self._public_url, now + self._lasts)
        return _JSON, msgspec.json.encode([body])


@cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=True)


def cloudevent(alert: Alert) -> Event:
    """The present state of an alert as an event; the same state has the same id."""
    return Event(
        id=f"{alert.id}.{alert.status}",
        source="/monitoring",
        type=ALERT,
        subject=alert.model,
        time=datetime.fromisoformat(alert.changed or alert.raised or ""),
        data=msgspec.to_builtins(alert),
    )


def alertmanager_body(alert: Alert, public_url: str, ends: datetime) -> dict[str, Any]:
    """An alert as Alertmanager's API v2 takes it.

    Args:
        alert: The alert.
        public_url: Where people reach this server.
        ends: When it counts as over, unless it is told again before.
    """
    over = alert.status == "resolved"
    return {
        "labels": _labels(alert),
        "annotations": _annotations(alert, public_url),
        "startsAt": alert.raised,
        "endsAt": alert.changed if over else ends.isoformat(timespec="seconds"),
        "generatorURL": _link(alert, public_url),
    }


def webhook_body(alert: Alert, receiver: str, public_url: str) -> dict[str, Any]:
    """An alert as Alertmanager tells its webhooks, version 4 of the message."""
    over = alert.status == "resolved"
    status = "resolved" if over else "firing"
    labels, annotations = _labels(alert), _annotations(alert, public_url)
    one = {
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.raised,
        "endsAt": alert.changed if over else "0001-01-01T00:00:00Z",
        "generatorURL": _link(alert, public_url),
        "fingerprint": alert.id,
    }
    return {
        "version": "4",
        "groupKey": f"dovetail:{alert.id}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": {"alertname": labels["alertname"]},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": public_url,
        "alerts": [one],
    }


def _labels(alert: Alert) -> dict[str, str]:
    return {
        "alertname": f"Dovetail{alert.kind.title()}",
        "model": alert.model,
        "version": alert.version or "",
        "kind": alert.kind,
        "severity": _SEVERITIES.get(alert.severity, alert.severity),
        "cause": alert.cause,
        "alert": alert.id,
    }


def _annotations(alert: Alert, public_url: str) -> dict[str, str]:
    columns = [str(c.get("column", "")) for c in alert.facts.get("columns", ())]
    found = {"summary": alert.message}
    if columns:
        found["columns"] = ", ".join(columns[:10])
    if alert.facts.get("clues"):
        found["clues"] = "; ".join(alert.facts["clues"])
    if alert.facts.get("segments"):
        parts = (
            f"{s['column']} = {s['segment']} ({s['share']:.0%})" for s in alert.facts["segments"]
        )
        found["segments"] = "; ".join(parts)
    base = public_url.rstrip("/")
    if alert.kind == "drift":
        found["data_check"] = f"{base}/monitoring/{quote(alert.model, safe='')}#inputs"
    if alert.facts.get("examples"):
        links = [f"{base}{one['href']}" for one in alert.facts["examples"] if "href" in one]
        found["examples"] = " ".join(links[:3])
    return found


def _link(alert: Alert, public_url: str) -> str:
    return f"{public_url.rstrip('/')}/monitoring/{quote(alert.model, safe='')}#{alert.id}"
