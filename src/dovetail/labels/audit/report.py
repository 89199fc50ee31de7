"""The audit as one HTML file that needs nothing else: no script, no font, no address.

Its size follows what is shown, never the rows: of thousands of suspects the surest are shown, and
the page says so.
"""

from dovetail.labels.audit.findings import Audit, SeveralAudit
from dovetail.web.svg.element import Svg, tag
from dovetail.web.templating import environment

__all__ = ["report_html"]

_SUSPECTS = 300
_GROUPS = 40
_CLASSES = 60
_WIDE = 300.0


def report_html(found: Audit | SeveralAudit, title: str, row: str = "row") -> str:
    """Write a report for people.

    Args:
        found: The audit.
        title: What was audited.
        row: What a row is named by: "row", or "task" of a project.
    """
    template, classes, contradicting = "labels/audit_several.html", [], []
    if isinstance(found, Audit):
        template, classes = "labels/audit.html", found.classes
        contradicting = found.contradicting
    page = environment().get_template(template)
    return page.render(
        found=found,
        title=title,
        row=row,
        suspects=found.suspects[:_SUSPECTS],
        classes=classes[:_CLASSES],
        contradicting=contradicting[:_GROUPS],
        leaking=found.leaking[:_GROUPS],
        span=_span,
        bar=_bar,
    )


def _span(middle: float, lower: float, upper: float) -> Svg:
    """An interval between nought and one, and the estimate in it."""
    said = f"{middle:.1%}, {lower:.1%} to {upper:.1%}"
    return tag(
        "svg",
        tag("title", said),
        tag("line", class_="floor", x1=0, x2=_WIDE, y1=8, y2=8),
        tag(
            "rect", class_="then", x=lower * _WIDE, y=4, height=8,
            width=max((upper - lower) * _WIDE, 1),
        ),
        tag("rect", class_="now", x=max(middle * _WIDE - 1.5, 0), y=1, height=14, width=3),
        viewBox=f"0 0 {_WIDE:.0f} 16", role="img", aria_label=said,
    )  # fmt: skip


def _bar(rows: int, wrong: float, most: int) -> Svg:
    """How many rows a label has, and how many of them are wrong."""
    wide = rows / max(most, 1) * _WIDE
    bad = min(wrong / max(rows, 1), 1.0) * wide
    said = f"{rows:,} rows, {wrong:,.0f} wrong by estimate"
    return tag(
        "svg",
        tag("title", said),
        tag("rect", class_="then", x=0, y=3, height=10, width=max(wide, 1)),
        tag("rect", class_="bad", x=max(wide - bad, 0), y=3, height=10, width=bad),
        viewBox=f"0 0 {_WIDE:.0f} 16", role="img", aria_label=said,
    )  # fmt: skip
