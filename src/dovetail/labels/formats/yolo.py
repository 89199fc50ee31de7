"""YOLO and Pascal VOC: a text, or an XML file, for each picture, packed in a zip.

A picture has one file: where several people annotated it, the newest annotation is in it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

import msgspec

from dovetail.labels.formats.packing import Album, Picture, Pictures, Text, packed
from dovetail.labels.formats.pictures import (
    Categories,
    PictureNames,
    box_around,
    label_of,
    polygon_of,
)
from dovetail.labels.formats.rows import Row, annotator, rows
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["as_voc", "as_yolo", "as_yolo_obb"]

Files = Iterator[Text | Picture]


def as_yolo(
    tasks: Iterable[Mapping[str, Any]],
    config: LabelConfig,
    moment: datetime,
    pictures: Pictures | None = None,
) -> Iterator[bytes]:
    """Write `labels/*.txt`: category, centre, width, height; or corners of a polygon; 0 to 1."""
    return packed(_yolo_files(tasks, config, moment, _upright, pictures))


def as_yolo_obb(
    tasks: Iterable[Mapping[str, Any]],
    config: LabelConfig,
    moment: datetime,
    pictures: Pictures | None = None,
) -> Iterator[bytes]:
    """Write `labels/*.txt`: category and the four corners of boxes that may be turned; 0 to 1."""
    return packed(_yolo_files(tasks, config, moment, _turned, pictures))


def as_voc(
    tasks: Iterable[Mapping[str, Any]],
    config: LabelConfig,
    moment: datetime,
    pictures: Pictures | None = None,
) -> Iterator[bytes]:
    """Write `Annotations/*.xml` in the form of Pascal VOC, boxes in pixels."""
    return packed(_voc_files(tasks, config, pictures))


class _Newest:
    """The newest row of each picture, under the name of its file; and then the pictures.

    These come last: the tasks, and the connection that they are read by, are done with by then.
    """

    def __init__(
        self,
        tasks: Iterable[Mapping[str, Any]],
        config: LabelConfig,
        pictures: Pictures | None,
    ) -> None:
        self._rows, self._names = rows(tasks, config), PictureNames(config)
        self._album = Album(pictures)

    def __iter__(self) -> Iterator[tuple[str, Row]]:
        seen: set[str] = set()
        for row in self._rows:
            name = self._names.of(row.data)
            if name not in seen:
                seen.add(name)
                self._album.add(name, self._names.address(row.data))
                yield name, row

    def pictures(self) -> Iterator[Picture]:
        """The pictures of all rows that were given."""
        return self._album.pictures()


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


Line = Callable[[Mapping[str, Any]], list[float] | None]


def _yolo_files(
    tasks: Iterable[Mapping[str, Any]],
    config: LabelConfig,
    moment: datetime,
    line: Line,
    pictures: Pictures | None,
) -> Files:
    categories = Categories(config)
    yield Text("images/")
    yield Text("labels/")
    newest = _Newest(tasks, config, pictures)
    for name, row in newest:
        lines = []
        for value in (value for found in row.outputs.values() for value in found):
            numbers = line(value)
            if numbers is not None:
                for label in label_of(value):
                    parts = (categories.number(label), *numbers)
                    lines.append(" ".join(map(str, parts)) + "\n")
        yield Text(f"labels/{_stem(name)}.txt", "".join(lines))
    listed = categories.listed()
    named = sorted(listed, key=lambda category: int(category["id"]))
    yield Text("classes.txt", "".join(f"{category['name']}\n" for category in named))
    info = {"year": moment.year, "version": "1.0", "contributor": "Label Studio"}
    notes = msgspec.json.encode({"categories": listed, "info": info}).decode()
    yield Text("notes.json", notes)
    yield from newest.pictures()


def _upright(value: Mapping[str, Any]) -> list[float] | None:
    if "polygonlabels" in value:
        points = polygon_of(value)
        return None if points is None else [part / 100 for point in points for part in point]
    found = [value.get(key) for key in ("x", "y", "width", "height")]
    numbers = [float(one) for one in found if isinstance(one, int | float)]
    if len(numbers) < 4:
        return None
    x, y, width, height = numbers
    return [(x + width / 2) / 100, (y + height / 2) / 100, width / 100, height / 100]


def _turned(value: Mapping[str, Any]) -> list[float] | None:
    if "polygonlabels" in value:
        return _upright(value)
    names = ("x", "y", "width", "height", "original_width", "original_height", "rotation")
    found = [value.get(key) for key in names]
    numbers = [float(one) for one in found if isinstance(one, int | float)]
    if len(numbers) < len(names) or not numbers[4] or not numbers[5]:
        return None
    x, y, width, height, across, down, turn = numbers
    x, width = x / 100 * across, width / 100 * across
    y, height = y / 100 * down, height / 100 * down
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
    placed = [(x + dx * cos - dy * sin, y + dx * sin + dy * cos) for dx, dy in corners]
    return [part for dx, dy in placed for part in (dx / across, dy / down)]


def _voc_files(
    tasks: Iterable[Mapping[str, Any]], config: LabelConfig, pictures: Pictures | None
) -> Files:
    yield Text("images/")
    newest = _Newest(tasks, config, pictures)
    for name, row in newest:
        values = [value for found in row.outputs.values() for value in found]
        size = (
            [values[0].get(key) for key in ("original_width", "original_height")] if values else []
        )
        if len(size) == 2 and all(isinstance(one, int | float) for one in size):
            content = _voc(name, row, values, *size)
            yield Text(f"Annotations/{_stem(name)}.xml", content)
    yield from newest.pictures()


def _voc(name: str, row: Row, values: list[dict[str, Any]], width: Any, height: Any) -> str:
    objects = []
    for value in values:
        box = box_around({**value, "rotation": 0}) if "polygonlabels" not in value else None
        labels = label_of(value)
        if box is not None and labels:
            left, top = int(box[0] / 100 * width), int(box[1] / 100 * height)
            right = left + int(box[2] / 100 * width)
            bottom = top + int(box[3] / 100 * height)
            objects.append(
                f"<object>\n<name>{escape(labels[0])}</name>\n<pose>Unspecified</pose>\n"
                "<truncated>0</truncated>\n<difficult>0</difficult>\n<bndbox>\n"
                f"<xmin>{left}</xmin>\n<ymin>{top}</ymin>\n"
                f"<xmax>{right}</xmax>\n<ymax>{bottom}</ymax>\n</bndbox>\n</object>\n"
            )
    who = annotator(row)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotation>\n<folder>images</folder>\n'
        f"<filename>{escape(name)}</filename>\n<source>\n<database>MyDatabase</database>\n"
        "<annotation>COCO2017</annotation>\n<image>flickr</image>\n<flickrid>NULL</flickrid>\n"
        f"<annotator>{escape('' if who is None else str(who))}</annotator>\n</source>\n"
        "<owner>\n<flickrid>NULL</flickrid>\n<name>Label Studio</name>\n</owner>\n"
        f"<size>\n<width>{width}</width>\n<height>{height}</height>\n<depth>3</depth>\n</size>\n"
        f"<segmented>0</segmented>\n{''.join(objects)}</annotation>\n"
    )
