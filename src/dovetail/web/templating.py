"""The Jinja environment of all pages.

Escaping is on everywhere, an unknown variable is an error, and the macros of `web/macros.html` are
at hand as `ui` in every template without an import.
"""

import functools
import hashlib
import re
from collections.abc import Callable
from typing import Any

import jinja2
import msgspec
from jinja2.loaders import split_template_path
from markupsafe import Markup

from dovetail.web import assets, folders, formats, svg
from dovetail.web.sorting import Sort
from dovetail.web.svg.element import safe_href
from dovetail.web.svg.plot import describe


class PieceLoader(jinja2.BaseLoader):
    """Finds `serving/models.html` in the folder of the piece `serving`, importing nothing."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """The text of a template, as Jinja asks for it."""
        parts = split_template_path(template)
        try:
            path = folders.templates(parts[0]).joinpath(*parts)
            text = path.read_text(encoding="utf-8")
            stamp = path.stat().st_mtime_ns
        except (OSError, ValueError, IndexError) as error:
            raise jinja2.TemplateNotFound(template) from error
        return text, str(path), lambda: path.exists() and path.stat().st_mtime_ns == stamp


@functools.cache
def environment() -> jinja2.Environment:
    """The environment, made on the first page."""
    made = jinja2.Environment(
        loader=PieceLoader(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        formats.FILTERS,
        digest=digest,
        json=json,
        plot=svg.plot,
        href=safe_href,
        describe=describe,
        split_fix=split_fix,
    )
    made.globals.update(static=assets.url, field=field, no_sort=Sort(), svg=svg)
    made.globals["ui"] = made.get_template("web/macros.html").module
    return made


def digest(text: str) -> str:
    """A short hash of markup, by which a browser tells whether a refresh changed anything."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def json(value: Any) -> Markup:
    """A value as JSON that may stand inside a script element of type `application/json`."""
    text = msgspec.json.encode(value).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


COMMANDS = r"(?:dovetail|pip|make|apt-get|docker|export) "


def split_fix(text: str) -> tuple[str, str]:
    """What to do next as words and as a command to be copied; either may be empty.

    >>> split_fix("list them with: dovetail token list")
    ('List them with:', 'dovetail token list')
    """
    found = re.fullmatch(rf"(.*:)?\s*({COMMANDS}.*)", text, re.DOTALL)
    words, command = (found[1] or "", found[2]) if found else (text, "")
    return words[:1].upper() + words[1:], command


def field(row: Any, key: str) -> Any:
    """A value of a table's row, whether the row is a mapping or an object."""
    return row.get(key) if isinstance(row, dict) else getattr(row, key)
