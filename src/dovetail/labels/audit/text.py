"""The audit in the terminal: the verdict last, where the eye is."""

import click

from dovetail.labels.audit.findings import Audit
from dovetail.web.commands import print_table

__all__ = ["print_audit"]

_SHOWN = 10
_WIDE = 60


def print_audit(found: Audit, row: str) -> None:
    """Print what was found.

    Args:
        found: The audit.
        row: What a row is named by: "row", or "task" of a project.
    """
    print_table(
        ["label", "rows", "wrong", "missing", "told apart"],
        [
            [one.label, one.rows, round(one.wrong), round(one.missed), f"{one.recall:.0%}"]
            for one in found.classes
        ],
    )
    if found.confusions:
        print_table(
            ["labelled", "likely", "rows", "share", ""],
            [
                [one.label, one.other, round(one.rows), f"{one.share:.1%}", one.ways]
                for one in found.confusions[:_SHOWN]
            ],
        )
    if found.annotators:
        print_table(
            ["annotator", "labels", "right", "from", "to"],
            [
                [a.name, a.rows, f"{a.accuracy:.1%}", f"{a.lower:.1%}", f"{a.upper:.1%}"]
                for a in found.annotators[:_SHOWN]
            ],
        )
    _print_suspects(found, row)
    _print_verdict(found)


def _print_suspects(found: Audit, row: str) -> None:
    print_table(
        [f"suspect {row}", "label", "likely", "wrong", ""],
        [
            [one.row, one.label, one.likely, f"{one.chance:.0%}", one.excerpt[:_WIDE]]
            for one in found.suspects[:_SHOWN]
        ],
    )
    if len(found.suspects) > _SHOWN:
        click.echo(f"and {len(found.suspects) - _SHOWN} more suspects; all with --json or --html")
    for odd, what in ((found.contradicting, "labels"), (found.leaking, "splits")):
        for one in odd[:3]:
            rows = ", ".join(str(n) for n in one.rows[:5])
            said = ", ".join(dict.fromkeys(one.said))
            click.echo(f"nearly the same, other {what}: {row} {rows} ({said}) {one.excerpt[:40]}")


def _print_verdict(found: Audit) -> None:
    click.echo(
        f"{found.accuracy:.1%} of {found.rows:,} labels are right by estimate "
        f"({found.lower:.1%} to {found.upper:.1%}, by {found.basis})"
    )
    for reason in found.reasons:
        click.echo(f"- {reason}")
    if found.actions:
        click.echo("What would help:")
    for one in found.actions:
        cost = "" if one.cost is None else f", costs {one.cost:,.2f}"
        click.echo(f"- {one.labels:,} labels: {one.what}{cost}. {one.effect}")
    for note in found.notes:
        click.echo(f"- {note}")
    if found.ask:
        rows = ", ".join(str(row) for row in found.ask[:12])
        click.echo(f"- to label by hand: {rows}{' ...' if len(found.ask) > 12 else ''}")
    click.echo("Good enough to train on" if found.enough else "Not good enough to train on")
