"""Alert rules in a file in git: which findings alert, how severe they are, and who is told.

The first rule that matches a finding decides. A finding that none matches is kept as an alert and
told to nobody but `[monitoring] webhook`; without a file that holds for every finding.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import msgspec

from dovetail.monitoring.errors import RulesInvalidError
from dovetail.wire.monitoring import Alert

__all__ = ["Receiver", "Rule", "Rules", "length_of", "load_rules", "parse_rules"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FIELD = re.compile(r"Object contains unknown field `(\w+)`")


class Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who is told of alerts.

    Attributes:
        name: What rules call it.
        type: "webhook" gets what Alertmanager sends to webhooks, "cloudevents" a CloudEvent of each
            change, "alertmanager" is an Alertmanager, told through its API v2 while an alert lasts.
        url: Where; of an Alertmanager its address without `/api/v2/alerts`.
        token_env: The environment variable that holds a bearer token, "" for none.
    """

    name: str
    type: Literal["webhook", "cloudevents", "alertmanager"]
    url: str
    token_env: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with findings; names are patterns with `*`, `?` and `[...]`.

    Attributes:
        models: Patterns of model names.
        kinds: Kinds of findings, such as "drift" or "performance"; none for all.
        columns: Patterns; one column of the finding must match one. None for all findings.
        cause: "data" for what looks like a broken feed, "world" for all else.
        alert: Whether this becomes an alert at all.
        severity: In place of the finding's own.
        receivers: Who is told.
        expect_every: How long a feed may be silent, like "30m", "6h" or "2d", in place of what is
            learnt; of a rule whose kinds are ["feed"].
    """

    models: tuple[str, ...] = ("*",)
    kinds: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cause: Literal["any", "data", "world"] = "any"
    alert: bool = True
    severity: Literal["warn", "alarm"] | None = None
    receivers: tuple[str, ...] = ()
    expect_every: str = ""

    def matches(self, alert: Alert) -> bool:
        """Whether this rule decides on a finding."""
        columns = [c.get("column", "") for c in alert.facts.get("columns", ())]
        return (
            _any(self.models, [alert.model])
            and (not self.kinds or alert.kind in self.kinds)
            and self.cause in ("any", alert.cause)
            and (not self.columns or _any(self.columns, columns))
        )


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file.

    Attributes:
        receivers: Who can be told.
        rules: In order; the first that matches decides.
    """

    receivers: tuple[Receiver, ...] = ()
    rules: tuple[Rule, ...] = ()

    def decide(self, alert: Alert) -> Rule:
        """The rule that decides on a finding."""
        return next((rule for rule in self.rules if rule.matches(alert)), Rule())

    def expect_every(self, model: str) -> timedelta | None:
        """How long the feed of a model may be silent, None where no rule says so."""
        rule = self.decide(Alert(id="", model=model, kind="feed", cause="data"))
        return length_of(rule.expect_every) if rule.expect_every else None


def load_rules(path: Path) -> Rules:
    """Read and check a file of rules.

    Raises:
        RulesInvalidError: It cannot be read, or says something that cannot be meant.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RulesInvalidError(path, "cannot be read", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise RulesInvalidError(path, "is not TOML", str(error)) from error
    return parse_rules(text, path)


def parse_rules(text: str, path: Path) -> Rules:
    """Read and check rules.

    Args:
        text: TOML.
        path: What messages call it.

    Raises:
        RulesInvalidError: They say something that cannot be meant.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesInvalidError(path, "is not TOML", str(error)) from error
    rules = _convert(path, found)
    names = [receiver.name for receiver in rules.receivers]
    for name in names:
        if names.count(name) > 1:
            raise RulesInvalidError(path, f"has two receivers named '{name}'")
    for place, receiver in enumerate(rules.receivers, 1):
        _check_receiver(path, place, receiver)
    for place, rule in enumerate(rules.rules, 1):
        _check_rule(path, place, rule, names)
    return rules


def _convert(path: Path, found: dict[str, Any]) -> Rules:
    for kind, type_ in (("receivers", Receiver), ("rules", Rule)):
        for place, one in enumerate(found.get(kind, []) if _is_list(found.get(kind)) else [], 1):
            try:
                msgspec.convert(one, type_)
            except msgspec.ValidationError as error:
                raise RulesInvalidError(
                    path, f"{kind[:-1]} {place}: {_said(error, type_)}"
                ) from None
    try:
        return msgspec.convert(found, Rules)
    except msgspec.ValidationError as error:
        raise RulesInvalidError(path, _said(error, Rules)) from None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _said(error: msgspec.ValidationError, type_: type[msgspec.Struct]) -> str:
    """What is wrong, with what was probably meant."""
    unknown = _FIELD.search(str(error))
    if unknown is None:
        return str(error).replace(" - at `$.", " - in `").replace("Object missing", "missing")
    fields = list(type_.__struct_fields__)
    close = difflib.get_close_matches(unknown[1], fields, 1)
    meant = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(fields)}"
    return f"unknown key '{unknown[1]}', {meant}"


def _check_receiver(path: Path, place: int, receiver: Receiver) -> None:
    if not receiver.name:
        raise RulesInvalidError(path, f"receiver {place} has no name")
    if not receiver.url.startswith(("http://", "https://")):
        raise RulesInvalidError(
            path, f"receiver '{receiver.name}': '{receiver.url}' is no http:// or https:// URL"
        )


def _check_rule(path: Path, place: int, rule: Rule, names: Sequence[str]) -> None:
    for name in rule.receivers:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            meant = f"did you mean '{close[0]}'?" if close else "add it under [[receivers]]"
            raise RulesInvalidError(path, f"rule {place}: there is no receiver '{name}', {meant}")
    if rule.expect_every:
        if rule.kinds != ("feed",):
            raise RulesInvalidError(
                path, f'rule {place}: expect_every goes with kinds = ["feed"] alone'
            )
        if not length_of(rule.expect_every):
            raise RulesInvalidError(
                path, f"rule {place}: expect_every '{rule.expect_every}' is not like 30m, 6h or 2d"
            )
    if not rule.models:
        raise RulesInvalidError(path, f"rule {place}: models is empty, so it never matches")
    if not rule.alert and (rule.receivers or rule.severity):
        raise RulesInvalidError(
            path, f"rule {place}: alert = false, so receivers and severity mean nothing"
        )


def length_of(text: str) -> timedelta | None:
    """A length of time like 90m, 8h, 7d or 2w; None where it is none."""
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not number.isdecimal() or int(number) == 0:
        return None
    return timedelta(**{unit: int(number)})


def token_of(receiver: Receiver) -> str | None:
    """The bearer token of a receiver.

    Raises:
        RulesInvalidError: The environment does not hold it.
    """
    if not receiver.token_env:
        return None
    token = os.environ.get(receiver.token_env)
    if not token:
        raise RulesInvalidError(
            None,
            f"receiver '{receiver.name}': the environment variable {receiver.token_env} is not set",
        )
    return token


def _any(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
