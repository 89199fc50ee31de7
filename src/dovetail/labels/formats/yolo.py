"""YOLO and Pascal VOC: a text, or an XML file, for each picture, packed in a zip.

A picture has one file: where several people annotated it, the newest annotation is in it.
"""

import math
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

import msgspec

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

Files = Iterator[tuple[str, str]]
_MEMORY = 16 << 20  # bytes of a zip kept in memory, the rest goes to a temporary file
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: the same files, the same bytes


def as_yolo(
    tasks: Iterable[Mapping[str, Any]], config: LabelConfig, moment: datetime
) -> Iterator[bytes]:
    """Write `labels/*.txt`: category, centre, width, height; or corners of a polygon; 0 to 1."""
    return _packed(_yolo_files(tasks, config, moment, _upright))


def as_yolo_obb(
    tasks: Iterable[Mapping[str, Any]], config: LabelConfig, moment: datetime
) -> Iterator[bytes]:
    """Write `labels/*.txt`: category and the four corners of boxes that may be turned; 0 to 1."""
    return _packed(_yolo_files(tasks, config, moment, _turned))


def as_voc(
    tasks: Iterable[Mapping[str, Any]], config: LabelConfig, moment: datetime
) -> Iterator[bytes]:
    """Write `Annotations/*.xml` in the form of Pascal VOC, boxes in pixels."""
    return _packed(_voc_files(tasks, config))


def _packed(files: Files) -> Iterator[bytes]:
    with tempfile.SpooledTemporaryFile(max_size=_MEMORY) as spool:
        with zipfile.ZipFile(spool, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content.encode("utf-8", "replace"))
        spool.seek(0)
        while part := spool.read(1 << 18):
            yield part


def _newest(tasks: Iterable[Mapping[str, Any]], config: LabelConfig) -> Iterator[tuple[str, Row]]:
    names = PictureNames(config)
    seen: set[str] = set()
    for row in rows(tasks, config):
        name = names.of(row.data)
        if name not in seen:
            seen.add(name)
            yield name, row


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


Line = Callable[[Mapping[str, Any]], list[float] | None]


def _yolo_files(
    tasks: Iterable[Mapping[str, Any]], config: LabelConfig, moment: datetime, line: Line
) -> Files:
    categories = Categories(config)
    yield "images/", ""
    yield "labels/", ""
    for name, row in _newest(tasks, config):
        lines = []
        for value in (value for found in row.outputs.values() for value in found):
            numbers = line(value)
            if numbers is not None:
                for label in label_of(value):
                    parts = (categories.number(label), *numbers)
                    lines.append(" ".join(map(str, parts)) + "\n")
        yield f"labels/{_stem(name)}.txt", "".join(lines)
    listed = categories.listed()
    named = sorted(listed, key=lambda category: int(category["id"]))
    yield "classes.txt", "".join(f"{category['name']}\n" for category in named)
    info = {"year": moment.year, "version": "1.0", "contributor": "Label Studio"}
    yield "notes.json", msgspec.json.encode({"categories": listed, "info": info}).decode()


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


def _voc_files(tasks: Iterable[Mapping[str, Any]], config: LabelConfig) -> Files:
    yield "images/", ""
    for name, row in _newest(tasks, config):
        values = [value for found in row.outputs.values() for value in found]
        size = (
            [values[0].get(key) for key in ("original_width", "original_height")] if values else []
        )
        if len(size) == 2 and all(isinstance(one, int | float) for one in size):
            yield f"Annotations/{_stem(name)}.xml", _voc(name, row, values, *size)


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
