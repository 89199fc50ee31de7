"""`dovetail serving route` and `rollback`."""

from pathlib import Path

import click
import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.serving.routing.document import Fixed, Routing, Rule, Shadow, Split
from dovetail.serving.routing.messages import RuleNow
from dovetail.web.commands import json_option, print_json, print_table
from dovetail.wire.http import HttpClient, segment

__all__ = ["rollback", "route"]

_URL = "http://127.0.0.1:8080"
_url = click.option("--url", default=_URL, show_default=True, help="A Dovetail inference server.")


@click.command()
@click.argument("model")
@click.option("--to", metavar="VERSION", help="One version, or alias, answers everything.")
@click.option(
    "--canary", metavar="VERSION=PERCENT", help="A version gets that share, the rest stays."
)
@click.option("--sticky", metavar="KEY", help="id, parameter:NAME or header:NAME.")
@click.option("--shadow", metavar="VERSION[=PERCENT]", help="A version gets copies.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The whole rule, as JSON or YAML.",
)
@_url
@json_option
def route(
    model: str,
    to: str | None,
    canary: str | None,
    sticky: str | None,
    shadow: str | None,
    file: Path | None,
    url: str,
    as_json: bool,
) -> None:
    """Say which versions of a model answer; without options, show it.

    \b
    Example:
      dovetail serving route flights
      dovetail serving route flights --canary 2=10 --sticky header:x-user
      dovetail serving route flights --to 2
      dovetail serving route flights --file bandit.yaml
    """
    path = f"/v2/models/{segment(model)}/routing"
    with HttpClient(url) as client:
        now = client.get(path, RuleNow)
        asked = _asked(now, to, canary, sticky, shadow, file)
        if asked is not None:
            now = client.post(path, asked, RuleNow, method="PUT")
    _show(now, as_json=as_json)


@click.command()
@click.argument("model")
@_url
@json_option
def rollback(model: str, url: str, as_json: bool) -> None:
    """Go back to the rule, and the versions, that were in force before.

    \b
    Example:
      dovetail serving rollback flights
    """
    with HttpClient(url) as client:
        now = client.post(f"/v2/models/{segment(model)}/routing/rollback", {}, RuleNow)
    _show(now, as_json=as_json)


def _asked(
    now: RuleNow,
    to: str | None,
    canary: str | None,
    sticky: str | None,
    shadow: str | None,
    file: Path | None,
) -> Routing | None:
    """Return the rule that the options ask for; None where they ask for nothing."""
    if file is not None:
        if any((to, canary, sticky, shadow)):
            raise click.UsageError("--file is the whole rule; leave the other options out")
        return _from_file(file)
    if to is not None and canary is not None:
        raise click.UsageError("give --to or --canary, not both")
    if not any((to, canary, sticky, shadow)):
        return None
    rule: Rule = now.routing.rule
    if to is not None:
        rule = Fixed(version=to)
    if canary is not None:
        rule = _canary(now, canary)
    if sticky is not None:
        if isinstance(rule, Fixed):
            raise click.UsageError("--sticky needs more than one version: add --canary")
        rule = msgspec.convert({**msgspec.to_builtins(rule), "sticky_by": sticky}, Rule)
    routing = msgspec.structs.replace(now.routing, rule=rule)
    if shadow is not None:
        version, share = _share(shadow, "--shadow", 100.0)
        copies = msgspec.convert({"version": version, "share": share / 100}, Shadow)
        routing = msgspec.structs.replace(routing, shadow=copies)
    return routing


def _canary(now: RuleNow, text: str) -> Rule:
    version, percent = _share(text, "--canary", None)
    if percent >= 100:
        return Fixed(version=version)
    rule = now.routing.rule
    sticky_by = rule.sticky_by if isinstance(rule, Split) else "id"
    if isinstance(rule, Fixed):
        others = {rule.version: 1.0}
    else:
        others = {v: w for v, w in now.weights.items() if w}
    others = {v: w for v, w in others.items() if v != version}
    total = sum(others.values())
    if not total:
        raise click.UsageError(f"only version {version} answers now: there is no other to share")
    weights = {v: w / total * (100 - percent) for v, w in others.items()}
    return Split(weights={**weights, version: percent}, sticky_by=sticky_by)


def _share(text: str, option: str, default: float | None) -> tuple[str, float]:
    version, equals, percent = text.rpartition("=")
    if not equals and default is not None:
        return text, default
    try:
        share = float(percent.removesuffix("%"))
    except ValueError:
        share = -1.0
    if not version or not 0 < share <= 100:
        raise click.UsageError(f"{option} {text!r} is not VERSION=PERCENT, percent over 0 to 100")
    return version, share


def _from_file(file: Path) -> Routing:
    from dovetail.base.extras import require

    yaml = require("yaml", extra="serving", feature="reading a rule")

    try:
        return msgspec.convert(yaml.safe_load(file.read_text()), Routing)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise InvalidInputError(f"{file} is not a rule of routing", why=str(error)) from error


def _show(now: RuleNow, *, as_json: bool) -> None:
    if as_json:
        print_json(now)
        return
    total = sum(now.weights.values()) or 1.0
    names: dict[str, list[str]] = {}
    for alias, version in now.aliases.items():
        names.setdefault(version, []).append(alias)
    print_table(
        ["version", "percent", "aliases"],
        [(v, w / total * 100, ", ".join(names.get(v, []))) for v, w in now.weights.items()],
        title=f"{now.model}: {now.routing.rule.__struct_config__.tag}",
    )
    for override in now.routing.overrides:
        click.echo(f"{override.by} = {override.value} meets {override.version}")
    if now.routing.shadow is not None:
        shadow = now.routing.shadow
        click.echo(f"{shadow.share:.0%} of requests are copied to {shadow.version}")
    by = f" by {now.actor}" if now.actor else ""
    click.echo(f"since {now.since}{by} ({now.cause})")
