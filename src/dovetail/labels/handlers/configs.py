"""Label configs, parsed once and remembered."""

import functools

from dovetail.labels.errors import LabelConfigError
from dovetail.wire.label_studio.config import ConfigError, LabelConfig, parse

__all__ = ["config_of", "is_bulk"]

_BULK = {"classes", "number", "rating", "text", "datetime", "taxonomy", "pairwise"}


def config_of(xml: str) -> LabelConfig:
    """Return a label config.

    Raises:
        LabelConfigError: it is no XML, hostile, or contradicts itself.
    """
    try:
        return _parsed(xml)
    except ConfigError as error:
        raise LabelConfigError(str(error)) from error


@functools.lru_cache(maxsize=256)
def _parsed(xml: str) -> LabelConfig:
    return parse(xml)


def is_bulk(config: LabelConfig) -> bool:
    """Tell whether one answer may be given to many tasks at once: it says nothing of places."""
    return all(
        one.kind in _BULK and not one.per_region and one.attributes.get("perItem") != "true"
        for one in config.controls.values()
    )
