"""A column's picture in the report: bars of the reference and of now, as SVG without a script."""

from dovetail.monitoring.difference import Comparison
from dovetail.web.svg.element import Svg, tag

_WIDE, _TALL = 360.0, 96.0
_LINE = 22.0
_NAME = 110.0
_SHORT = 18


def column_picture(column: Comparison) -> Svg:
    """Bars side by side: upright for numbers, lying for levels, which have names to be read."""
    if not column.labels:
        return Svg("")
    draw = _levels if column.kind == "category" else _numbers
    known = column.labels[-1] != "missing" or any(column.missing)
    shown = list(zip(column.labels, column.reference, column.current, strict=True))
    return draw(shown if known else shown[:-1], column.column)


Bars = list[tuple[str, float, float]]


def _numbers(bars: Bars, name: str) -> Svg:
    floor = _TALL - 16
    top = max(max(a, b) for _, a, b in bars) or 1.0
    step = _WIDE / len(bars)
    parts = []
    for i, (label, then, now) in enumerate(bars):
        gap = 4 if label == "missing" else 0
        sides = [
            tag("rect", class_=kind, x=i * step + at * step * 0.46 + 1 + gap / 2,
                y=floor - share / top * (floor - 4), width=max(1.0, step * 0.42),
                height=max(0.0, share / top * (floor - 4)))
            for at, kind, share in ((0, "then", then), (1, "now", now))
        ]  # fmt: skip
        parts.append(tag("g", tag("title", _said(label, then, now)), *sides))
    known = [label for label, _, _ in bars if label != "missing"]
    ends = [(0.0, "start", known[0]), (len(known) * step, "end", known[-1])]
    if len(known) < len(bars):
        ends[1] = (_WIDE - 56, "end", known[-1])
        ends.append((_WIDE, "end", "missing"))
    texts = [tag("text", label, x=x, y=_TALL - 3, text_anchor=side) for x, side, label in ends]
    line = tag("path", class_="floor", d=f"M0 {floor + 0.5}H{_WIDE:g}")
    return _picture(_TALL, name, [*parts, line, *texts])


def _levels(bars: Bars, name: str) -> Svg:
    top = max(max(a, b) for _, a, b in bars) or 1.0
    room = _WIDE - _NAME - 46
    parts = []
    for i, (label, then, now) in enumerate(bars):
        y = i * _LINE
        wide = [share / top * room for share in (then, now)]
        short = label if len(label) <= _SHORT else label[: _SHORT - 1] + "…"
        parts.append(
            tag("g", tag("title", _said(label, then, now)),
                tag("text", short, x=_NAME - 8, y=y + 14, text_anchor="end"),
                tag("rect", class_="then", x=_NAME, y=y + 3, width=wide[0], height=7),
                tag("rect", class_="now", x=_NAME, y=y + 11, width=wide[1], height=7),
                tag("text", f"{now:.1%}", x=_NAME + max(wide) + 6, y=y + 14))
        )  # fmt: skip
    return _picture(len(bars) * _LINE, name, parts)


def _said(label: str, then: float, now: float) -> str:
    return f"{label}: {then:.1%} in the reference, {now:.1%} now"


def _picture(height: float, name: str, parts: list[Svg]) -> Svg:
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {_WIDE:g} {height:g}",
        role="img",
        aria_label=f"Shares of {name} in the reference and now",
    )
