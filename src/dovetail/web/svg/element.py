"""SVG elements as text, escaped by construction.

Attributes and text pass through one function, so no drawing can forget to escape what users named.
"""

from collections.abc import Iterable
from html import escape

SAFE_SCHEMES = ("http://", "https://", "/", "#", "?")


class Svg(str):
    """SVG text that Jinja does not escape again and a notebook draws."""

    __slots__ = ()

    def __html__(self) -> str:
        """The text itself: it is markup already."""
        return str(self)

    def _repr_svg_(self) -> str:
        return str(self)


def tag(name: str, *children: "Svg | str", **attributes: object) -> Svg:
    """One element.

    Args:
        name: The element's name.
        *children: Elements, or text, which is escaped.
        **attributes: Names with `_` for `-`; a trailing `_` is dropped (`class_`). None and False
            leave an attribute out; floats are rounded to two decimals, which no eye can tell.

    >>> tag("text", "a < b", class_="label", x=1.005)
    '<text class="label" x="1">a &lt; b</text>'
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    inner = "".join(c if isinstance(c, Svg) else escape(c, quote=False) for c in children)
    return Svg(f"<{name}{pairs}>{inner}</{name}>" if inner else f"<{name}{pairs}/>")


def join(parts: Iterable["Svg | str"]) -> Svg:
    """Elements and text one after the other."""
    return Svg("".join(p if isinstance(p, Svg) else escape(p, quote=False) for p in parts))


def safe_href(href: str) -> str:
    """An address that leads somewhere; nothing for one that could run code."""
    return href if href.startswith(SAFE_SCHEMES) else ""


def link(href: str, *children: Svg | str, **attributes: object) -> Svg:
    """A link around elements; just the elements where the address is empty or could run code."""
    safe = safe_href(href)
    return tag("a", *children, href=safe, **attributes) if safe else join(children)


def picture(width: float, height: float, title: str, *children: Svg | str, class_: str) -> Svg:
    """A whole drawing with its name for those who do not see it."""
    return tag(
        "svg",
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        width=width,
        height=height,
        class_=class_,
        role="group" if any("<a " in child for child in children) else "img",
        aria_label=title,
        font_family="Liberation Sans, Arial, sans-serif",
    )


def shorten(text: str, length: int) -> str:
    """A text cut to so many characters, with an ellipsis where something is missing."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _value(value: object) -> str:
    if value is True:
        return "true"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escape(str(value))
