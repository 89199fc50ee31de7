"""An answer of one's own on a page without the desk: choices, ratings and pairs by a plain form."""

from collections.abc import Mapping
from typing import Any

import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.wire.label_studio.answers import as_region
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.tags import SINGLE, Control

__all__ = ["Field", "fields_of", "result_of"]

PREFIX = "own-"
_MOST = 200


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A control that a plain form can ask: its name, its title and what may be chosen."""

    name: str
    title: str
    options: list[str]


def fields_of(config: LabelConfig) -> list[Field]:
    """Return the controls that a plain form can ask."""
    found = []
    for control in config.controls.values():
        options = _options(control)
        if options and len(options) <= _MOST:
            found.append(Field(name=PREFIX + control.name, title=control.name, options=options))
    return found


def result_of(config: LabelConfig, fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what a form says as a result; what was left open is left out.

    Raises:
        InvalidInputError: nothing was chosen, or something that may not be.
    """
    result = []
    for control in config.controls.values():
        said = fields.get(PREFIX + control.name, "")
        if not said:
            continue
        if said not in _options(control):
            raise InvalidInputError(f"{said[:80]!r} is no answer of {control.name}")
        result.append(as_region(control, said))
    if not result:
        raise InvalidInputError("no answer was chosen", fix="choose one, or one of the votes")
    return result


def _options(control: Control) -> list[str]:
    """What may be chosen, where it is one of a few for the whole item."""
    if control.per_region or control.dynamic:
        return []
    return list(control.options or control.classes) if control.kind in SINGLE else []
