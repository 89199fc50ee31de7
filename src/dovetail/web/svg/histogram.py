"""Two distributions side by side: what a model was trained on, and what it sees now."""

from collections.abc import Sequence

from dovetail.web.svg.element import Svg, picture, tag
from dovetail.web.svg.parts import INK_2, LEVELS, LINE, QUIET, SERIES


def histogram(
    now: Sequence[float],
    reference: Sequence[float] = (),
    *,
    label: str,
    names: Sequence[str] = (),
    level: str = "",
    width: float = 240,
    height: float = 80,
) -> Svg:
    """Shares of bins as bars, with the reference as an outline around them.

    Args:
        now: The share of each bin.
        reference: The share of each bin in the reference, or empty.
        label: What it shows, for those who do not see it.
        names: What to write beneath the bins, one each, or only the first and the last.
        level: Colours the bars where it means something.
        width: In pixels.
        height: In pixels.
    """
    floor = height - (14 if names else 2)
    count = max(len(now), len(reference), 1)
    tallest = max([*now, *reference], default=0.0) or 1.0
    step = width / count
    colour = LEVELS.get(level, SERIES[0])
    heights = [share / tallest * (floor - 2) for share in now]
    bars = [
        tag(
            "rect",
            x=i * step + 1,
            y=floor - tall,
            width=max(step - 2, 1.0),
            height=tall,
            fill=colour,
            fill_opacity=0.75,
            class_="bar",
        )
        for i, tall in enumerate(heights)
    ]
    corners = [
        f"{'L' if i else 'M'}{i * step:.1f} {floor - share / tallest * (floor - 2):.1f}h{step:.1f}"
        for i, share in enumerate(reference)
    ]
    steps = [tag("path", d="".join(corners), fill="none", stroke=QUIET, stroke_width=1.5,
                 class_="reference")] if corners else []  # fmt: skip
    return picture(
        width,
        height,
        label,
        *bars,
        *steps,
        tag("path", d=f"M0 {floor + 0.5}H{width}", stroke=LINE, class_="grid"),
        *_names(names, step, width, height),
        class_=f"histogram level-{level}" if level else "histogram",
    )


def _names(names: Sequence[str], step: float, width: float, height: float) -> list[Svg]:
    if len(names) == 2:
        places = [(0.0, "start"), (width, "end")]
    else:
        places = [((i + 0.5) * step, "middle") for i in range(len(names))]
    return [
        tag("text", name, x=x, y=height - 2, text_anchor=anchor, font_size=10, fill=INK_2,
            class_="tick")
        for name, (x, anchor) in zip(names, places, strict=True)
    ]  # fmt: skip
