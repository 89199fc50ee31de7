"""The audit in the terminal: the verdict last, where the eye is."""

import click

from dovetail.labels.audit.findings import Action, Annotator, Audit, SeveralAudit
from dovetail.web.commands import print_table

__all__ = ["print_audit", "print_several"]

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
    _print_people(found.annotators)
    _print_suspects(found, row)
    _print_verdict(found)


def print_several(found: SeveralAudit, row: str) -> None:
    """Print what was found of labels of which an item has several.

    Args:
        found: The audit.
        row: What a row is named by.
    """
    print_table(
        ["label", "rows", "right", "from", "to", "too many", "missing", ""],
        [
            [
                one.label, one.rows, f"{one.audit.accuracy:.1%}", f"{one.audit.lower:.1%}",
                f"{one.audit.upper:.1%}", *_wrong(one.label, one.audit),
                "" if one.audit.enough else "not enough",
            ]
            for one in found.questions
        ],
    )  # fmt: skip
    _print_people(found.annotators)
    print_table(
        [f"suspect {row}", "label", "", "wrong", ""],
        [
            [
                one.row, one.label, "has it" if one.has else "lacks it", f"{one.chance:.0%}",
                one.excerpt[:_WIDE],
            ]
            for one in found.suspects[:_SHOWN]
        ],
    )  # fmt: skip
    if len(found.suspects) > _SHOWN:
        click.echo(f"and {len(found.suspects) - _SHOWN} more suspects; all with --json or --html")
    click.echo(
        f"{found.accuracy:.1%} of the answers on {found.rows:,} rows and {len(found.questions)} "
        f"labels are right by estimate ({found.lower:.1%} to {found.upper:.1%}, by {found.basis})"
    )
    for said in (*found.reasons, *found.notes):
        click.echo(f"- {said}")
    helps = [(one.label, action) for one in found.questions for action in one.audit.actions[:1]]
    if helps:
        click.echo("What would help first:")
    for label, action in helps[:_SHOWN]:
        click.echo(f"- {label!r}: {_helping(action)}")
    click.echo("Good enough to train on" if found.enough else "Not good enough to train on")


def _wrong(label: str, found: Audit) -> tuple[int, int]:
    """How many rows have a label by mistake, and how many lack it."""
    return next((round(c.wrong), round(c.missed)) for c in found.classes if c.label == label)


def _print_people(people: list[Annotator]) -> None:
    if people:
        print_table(
            ["annotator", "labels", "right", "from", "to"],
            [
                [a.name, a.rows, f"{a.accuracy:.1%}", f"{a.lower:.1%}", f"{a.upper:.1%}"]
                for a in people[:_SHOWN]
            ],
        )


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
        click.echo(f"- {_helping(one)}")
    for note in found.notes:
        click.echo(f"- {note}")
    if found.ask:
        rows = ", ".join(str(row) for row in found.ask[:12])
        click.echo(f"- to label by hand: {rows}{' ...' if len(found.ask) > 12 else ''}")
    click.echo("Good enough to train on" if found.enough else "Not good enough to train on")


def _helping(one: Action) -> str:
    cost = "" if one.cost is None else f", costs {one.cost:,.2f}"
    return f"{one.labels:,} labels: {one.what}{cost}. {one.effect}"
