"""Directed graphs and small plots as SVG text: the same drawing in a page, a notebook and a report.

Every function is pure: values in, escaped SVG out. Colours are classes, which the pages' tokens
fill in light and dark, and attributes beneath them, which hold where there is no style sheet.
"""

from dovetail.web.svg.element import Svg, tag
from dovetail.web.svg.flow import flow
from dovetail.web.svg.histogram import histogram
from dovetail.web.svg.parts import Edge, Node
from dovetail.web.svg.plot import plot
from dovetail.web.svg.ring import ring
from dovetail.web.svg.sparkline import sparkline
from dovetail.web.svg.timeline import timeline
from dovetail.web.svg.waterfall import Bar, waterfall

__all__ = [
    "Bar",
    "Edge",
    "Node",
    "Svg",
    "flow",
    "histogram",
    "plot",
    "ring",
    "sparkline",
    "tag",
    "timeline",
    "waterfall",
]
