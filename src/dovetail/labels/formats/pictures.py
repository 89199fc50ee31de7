"""What COCO, YOLO and VOC share: categories, names of picture files, boxes around turned ones.

Files are named after their address, so that whoever fetches the pictures under those names has a
complete data set. Those that are the project's own can be packed beside the labels; the others stay
where they are.
"""

import hashlib
import math
import posixpath
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["Categories", "PictureNames", "box_around", "label_of", "picture_field", "polygon_of"]

_KEYS = ("rectanglelabels", "polygonlabels", "labels")
_UPLOADED = "/data/upload/"
_LONGEST = 200  # characters of a file name, safely within what file systems take


class Categories:
    """The labels of a config, numbered: `category="7"` gives a label its number.

    Args:
        config: all labels of all controls count, sorted, as in Label Studio.
    """

    def __init__(self, config: LabelConfig) -> None:
        self.numbers: dict[str, int] = {}
        labels: set[str] = set()
        for control in config.parsed_label_config().values():
            labels.update(control["labels"])
            for name, attributes in control["labels_attrs"].items():
                said = attributes.get("category", "")
                if re.fullmatch(r"[+-]?\d{1,9}", said.strip()):
                    self.numbers[name] = int(said)
        taken = set(self.numbers.values())
        free = (number for number in range(len(labels) + len(taken)) if number not in taken)
        self.numbers.update(
            (name, next(free)) for name in sorted(labels) if name not in self.numbers
        )

    def number(self, label: str) -> int:
        """Number a label; one that the config does not have gets the next free number."""
        if label not in self.numbers:
            self.numbers[label] = max(self.numbers.values(), default=-1) + 1
        return self.numbers[label]

    def listed(self) -> list[dict[str, Any]]:
        """All of them, as COCO has them."""
        return [{"id": number, "name": name} for name, number in self.numbers.items()]


def picture_field(config: LabelConfig) -> str:
    """The field of the data that holds the picture."""
    images = [item.field for item in config.objects.values() if item.tag == "Image"]
    return next((field for field in images if field), "")


class PictureNames:
    """Names for the files of pictures, each picture one of its own.

    Args:
        config: says which field of the data holds the picture.
    """

    def __init__(self, config: LabelConfig) -> None:
        self._field = picture_field(config)
        self._known: dict[str, str] = {}

    def address(self, data: Mapping[str, Any]) -> str:
        """Where a task's picture is; empty where it names none."""
        said = data.get(self._field)
        url = said[0] if isinstance(said, list) and said else said
        return url if isinstance(url, str) else ""

    def of(self, data: Mapping[str, Any]) -> str:
        """Name a task's picture: as it was uploaded; else eight digits of its address before it."""
        url = self.address(data)
        name = _called(url)
        if not url.startswith(_UPLOADED) or self._known.setdefault(name, url) != url:
            digest = hashlib.md5(url.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
            name = f"{digest[:8]}__{name}"
        return name


def _called(url: str) -> str:
    if url.startswith("data:"):
        suffix = re.match(r"data:image/(\w+)", url)
        return f"picture.{suffix.group(1) if suffix else 'png'}"
    parts = urlsplit(url.replace("\\", "/"))
    local = parse_qs(parts.query).get("d", [""])[0] if "local-files" in parts.path else ""
    name = posixpath.basename(unquote(local or parts.path))
    return re.sub(r"[\x00-\x1f/]", "_", name)[-_LONGEST:] or "picture"


def label_of(value: Mapping[str, Any]) -> list[str]:
    """The labels of a shape's value, [] where it is no shape with labels."""
    for key in _KEYS:
        said = value.get(key)
        if isinstance(said, list) and said:
            return [str(one) for one in said]
    return []


def polygon_of(value: Mapping[str, Any]) -> list[tuple[float, float]] | None:
    """The corners of a polygon in per cent, None where there is none."""
    points = value.get("points")
    if not isinstance(points, list) or not points:
        return None
    try:
        return [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError):
        return None


def box_around(value: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """The upright box around a box that may be turned about its first corner, in per cent.

    Returns:
        x, y, width, height; None where the value is no box.
    """
    found = [value.get(key) for key in ("x", "y", "width", "height")]
    numbers = [float(one) for one in found if isinstance(one, int | float)]
    if len(numbers) < 4:
        return None
    x, y, width, height = numbers
    turn = value.get("rotation")
    if not isinstance(turn, int | float) or not turn:
        return x, y, width, height
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    xs = [x + dx * cos - dy * sin for dx, dy in corners]
    ys = [y + dx * sin + dy * cos for dx, dy in corners]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
