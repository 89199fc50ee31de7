"""The report as one HTML file that needs nothing else: no script, no font, no address."""

from dovetail.monitoring.report import Report
from dovetail.web.templating import environment

__all__ = ["report_html"]


def report_html(report: Report, reference: str, current: str) -> str:
    """Write a report for people.

    Args:
        report: The comparison.
        reference: What the reference is called.
        current: What it was compared with.
    """
    template = environment().get_template("monitoring/report.html")
    return template.render(report=report, reference=reference, current=current)
