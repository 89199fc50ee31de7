"""Which fields of a task's data are learned from, and how: by themselves, or one against another.

Which of two things is better is told by how they differ (Bradley and Terry 1952), so what a
Pairwise compares is learned from as a difference: a word on the left counts as much for the left
as the same word on the right counts for the right.
"""

from collections.abc import Sequence

import msgspec

from dovetail.labels.learning.questions import questions
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.tags import Control

__all__ = ["Inputs", "inputs_of"]

_UNREAD = frozenset({"Audio", "AudioPlus", "Video", "TimeSeries", "Pdf"})


class Inputs(msgspec.Struct, frozen=True):
    """What is looked at.

    Attributes:
        fields: Fields that are learned from as they are.
        images: Which of all fields are images.
        pairs: Fields that are held against each other, left and right.
    """

    fields: tuple[str, ...]
    images: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()


def inputs_of(config: LabelConfig, named: Sequence[str] = ()) -> Inputs:
    """Say what a labeller of a config looks at.

    Args:
        config: The label config.
        named: Fields that somebody chose; what the config shows, if none. Fields that are named
            are learned from as they are, beside what is compared.
    """
    shown = _shown(config)
    sides = (_sides(config, control) for control in config.controls.values())
    pairs = tuple(dict.fromkeys(pair for pair in sides if pair and set(pair) <= set(shown)))
    fields = tuple(named) or shown
    if pairs and _compares_only(config):
        # What stands beside both sides, such as a prompt, does not say which is better.
        fields = tuple(name for name in named if not any(name in pair for pair in pairs))
    return Inputs(fields, _images(config), pairs)


def _compares_only(config: LabelConfig) -> bool:
    return all(config.controls[one.control].kind == "pairwise" for one in questions(config))


def _sides(config: LabelConfig, control: Control) -> tuple[str, str] | None:
    """The fields that a Pairwise compares; None where it is none, or one of them is fixed."""
    objects = [config.objects[name] for name in control.to_names if name in config.objects]
    if control.kind != "pairwise" or len(objects) != 2:
        return None
    left, right = (one.field for one in objects)
    return (left, right) if left and right and left != right else None


def _shown(config: LabelConfig) -> tuple[str, ...]:
    """The fields of the data that the config shows and that can be read."""
    shown = (
        item.field
        for item in config.objects.values()
        if item.field and item.tag not in _UNREAD and item.value_type != "url"
    )
    return tuple(dict.fromkeys(shown))


def _images(config: LabelConfig) -> tuple[str, ...]:
    return tuple(
        item.field
        for item in config.objects.values()
        if item.tag == "Image" and item.field and not item.is_list
    )
