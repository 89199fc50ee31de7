"""An item with what somebody said of it, for the element `<label-item>`.

A template shows one with `parts.item(reading)` after `{% import "labels/parts.html" as parts %}`;
its head needs `parts.item_head()`. The element takes everything as text: nothing of a task's data,
a label config or a result runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dovetail.labels.ui.desk_config import DeskConfig, desk_config_of
from dovetail.wire.label_studio.config import ConfigError

__all__ = ["Reading", "reading"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What `<label-item>` reads.

    Attributes:
        config: What is shown, and what was asked.
        data: The task's data; parsed or as JSON text that stays as it is.
        result: Label Studio's regions, likewise.
    """

    config: DeskConfig
    data: Mapping[str, Any] | msgspec.Raw
    result: Sequence[Any] | msgspec.Raw = ()


def reading(
    label_config: str,
    data: Mapping[str, Any] | msgspec.Raw,
    result: Sequence[Any] | msgspec.Raw = (),
) -> Reading:
    """Put together what `<label-item>` shows.

    Args:
        label_config: The project's label config. One that cannot be read shows plain data.
        data: The task's data.
        result: An annotation's or a prediction's regions.
    """
    try:
        config = desk_config_of(label_config)
    except ConfigError:
        config = DeskConfig(nodes=[], unknown=[])
    return Reading(config=config, data=data, result=result)
