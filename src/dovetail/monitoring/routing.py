"""From settings and rules to what becomes of a finding, and to whom it is told."""

from datetime import timedelta
from pathlib import Path

import msgspec

from dovetail.base.errors import SettingsError
from dovetail.monitoring.alerts import Decide
from dovetail.monitoring.receivers import Target
from dovetail.monitoring.rules import Receiver, Rules, load_rules
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.web.outbound import Policy
from dovetail.wire.monitoring import Alert

__all__ = ["OWN", "Router"]

OWN = "webhook"
"""The name of the receiver under `[monitoring] webhook`."""


class _ReceiverPolicy(Policy):
    setting = "[monitoring] receiver_allow"


class Router:
    """What the operator and the rules say.

    Args:
        settings: With the file of rules, if any.

    Raises:
        SettingsError: The rules or an address cannot be used.
    """

    def __init__(self, settings: MonitoringSettings) -> None:
        self.rules = load_rules(Path(settings.rules)) if settings.rules else Rules()
        self.resend = timedelta(seconds=settings.resend_seconds)
        self._settings = settings
        if settings.webhook and not settings.webhook.startswith(("http://", "https://")):
            raise SettingsError(
                f"[monitoring] webhook is '{settings.webhook}'",
                fix="give an http:// or https:// URL",
            )
        if settings.webhook and OWN in {one.name for one in self.rules.receivers}:
            raise SettingsError(
                f"[monitoring] webhook and a receiver of the rules are both named '{OWN}'",
                fix="give the receiver in the rules another name",
            )

    def targets(self) -> list[Target]:
        """Everybody who can be told.

        Raises:
            RulesInvalidError: The environment lacks a receiver's token.
        """
        s, made = self._settings, []
        if s.webhook:
            own = Receiver(name=OWN, type="cloudevents", url=s.webhook)
            made.append(Target(own, public_url=s.public_url, token=s.webhook_token))
        policy = _ReceiverPolicy(s.receiver_allow)
        for one in self.rules.receivers:
            made.append(Target(one, public_url=s.public_url, policy=policy, resend=self.resend))
        return made

    @property
    def decide(self) -> Decide:
        """What becomes of findings."""
        own = [OWN] if self._settings.webhook else []

        def decide(alert: Alert) -> tuple[Alert | None, list[str]]:
            rule = self.rules.decide(alert)
            if not rule.alert:
                return None, []
            if rule.severity is not None:
                alert = msgspec.structs.replace(alert, severity=rule.severity)
            return alert, [*own, *rule.receivers]

        return decide
