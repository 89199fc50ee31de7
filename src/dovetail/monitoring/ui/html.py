"""The report as one HTML file that needs nothing else: no script, no font, no address.

Its size follows the columns shown, never the rows: a report of a thousand columns shows the fifty
that changed most, and says so.
"""

from dovetail.monitoring.classical import TESTS
from dovetail.monitoring.report import Report
from dovetail.monitoring.ui.report_charts import column_picture
from dovetail.web.templating import environment

__all__ = ["report_html"]

SHOWN = 50
"""Columns that the page shows."""
_RESULTS = 100


def report_html(report: Report, reference: str, current: str) -> str:
    """Write a report for people.

    Args:
        report: The comparison.
        reference: What the reference is called.
        current: What it was compared with.
    """
    template = environment().get_template("monitoring/report.html")
    tests = report.tests
    return template.render(
        report=report,
        shown=report.columns[:SHOWN],
        names=lambda names: _listed(list(names)),
        skipped=lambda why: [name for name, said in report.skipped.items() if said == why],
        picture=column_picture,
        results=tests.results[:_RESULTS] if tests else [],
        titles={name: test.title for name, test in TESTS.items()},
        reference=reference,
        current=current,
    )


def _listed(names: list[str]) -> str:
    """Names on a line; of very many the first ones and how many more."""
    some = [name if len(name) <= 60 else name[:59] + "…" for name in names[:20]]
    more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    return ", ".join(some) + more
