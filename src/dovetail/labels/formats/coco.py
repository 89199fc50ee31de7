"""COCO: pictures, categories, and a box or polygon in pixels for each region."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from dovetail.labels.formats.packing import Album, Picture, Pictures, Text, packed
from dovetail.labels.formats.pictures import (
    Categories,
    PictureNames,
    box_around,
    label_of,
    polygon_of,
)
from dovetail.labels.formats.rows import Row, rows
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["as_coco", "as_coco_with_images"]


class _Coco:
    def __init__(self, config: LabelConfig, pictures: Pictures | None = None) -> None:
        self.categories = Categories(config)
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self._names = PictureNames(config)
        self.album = Album(pictures)

    def add(self, row: Row) -> None:
        values = [value for found in row.outputs.values() for value in found if label_of(value)]
        sizes = (
            (value["original_width"], value["original_height"])
            for value in values
            if value.get("original_width") and value.get("original_height")
        )
        width, height = next(sizes, (None, None))
        image = len(self.images)
        name = self._names.of(row.data)
        self.album.add(name, self._names.address(row.data))
        known = {"width": width, "height": height, "id": image, "file_name": f"images/{name}"}
        self.images.append(known)
        if width and height:
            for value in values:
                self._add_region(value, image, float(width), float(height))

    def _add_region(
        self, value: Mapping[str, Any], image: int, width: float, height: float
    ) -> None:
        points = polygon_of(value) if "polygonlabels" in value or "points" in value else None
        box = box_around(value) if points is None else None
        if points is None and box is None:
            return
        if points is not None:
            corners = [(x / 100 * width, y / 100 * height) for x, y in points]
            xs, ys = [x for x, _ in corners], [y for _, y in corners]
            shape = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
            outline, area = [[part for corner in corners for part in corner]], _area(corners)
        else:
            assert box is not None
            shape = [
                box[0] * width / 100, box[1] * height / 100,
                box[2] * width / 100, box[3] * height / 100,
            ]  # fmt: skip
            outline, area = [], shape[2] * shape[3]
        self.annotations.append(
            {
                "id": len(self.annotations),
                "image_id": image,
                "category_id": self.categories.number(label_of(value)[0]),
                "segmentation": outline,
                "bbox": shape,
                "ignore": 0,
                "iscrowd": 0,
                "area": area,
            }
        )


def _area(corners: list[tuple[float, float]]) -> float:
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def as_coco(
    tasks: Iterable[Mapping[str, Any]], config: LabelConfig, moment: datetime
) -> Iterator[bytes]:
    """Write one file; a picture that several people annotated is in it once for each.

    Args:
        tasks: exported tasks.
        config: the label config.
        moment: what the file says of when it was made.
    """
    coco = _Coco(config)
    for row in rows(tasks, config):
        coco.add(row)
    yield _encoded(coco, moment)


def as_coco_with_images(
    tasks: Iterable[Mapping[str, Any]],
    config: LabelConfig,
    moment: datetime,
    pictures: Pictures | None = None,
) -> Iterator[bytes]:
    """Write a zip: `result.json` as `as_coco` writes it, and the pictures that can be had."""

    def files() -> Iterator[Text | Picture]:
        coco = _Coco(config, pictures)
        for row in rows(tasks, config):
            coco.add(row)
        yield Text("images/")
        yield Text("result.json", _encoded(coco, moment).decode())
        yield from coco.album.pictures()

    return packed(files())


def _encoded(coco: _Coco, moment: datetime) -> bytes:
    return msgspec.json.encode(
        {
            "images": coco.images,
            "categories": coco.categories.listed(),
            "annotations": coco.annotations,
            "info": {
                "year": moment.year,
                "version": "1.0",
                "description": "",
                "contributor": "Label Studio",
                "url": "",
                "date_created": str(moment.replace(tzinfo=None)),
            },
        }
    )
