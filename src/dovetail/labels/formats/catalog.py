"""The formats that annotations are exported in: their names, who they are for, who makes them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.labels.formats.coco import as_coco, as_coco_with_images
from dovetail.labels.formats.conll import as_conll
from dovetail.labels.formats.flat import as_csv, as_json_min
from dovetail.labels.formats.packing import Pictures
from dovetail.labels.formats.streams import gathered
from dovetail.labels.formats.yolo import as_voc, as_yolo, as_yolo_obb
from dovetail.wire.label_studio.config import LabelConfig

__all__ = ["FORMATS", "Export", "Format", "convert", "offered"]

Tasks = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Export:
    """A file that is being made.

    Attributes:
        parts: its bytes.
        suffix: of its name, without the dot.
        media_type: of its content.
    """

    parts: Iterator[bytes]
    suffix: str
    media_type: str


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: what `exportType` says.
        title: for people.
        description: what it is for.
        tags: kinds of work that it is made for.
        suffix: of the file.
        media_type: of its content.
        make: writes it.
        packs: whether pictures are packed: always or never, or by default.
    """

    name: str
    title: str
    description: str
    suffix: str
    media_type: str
    make: Callable[[Tasks, LabelConfig, datetime, Pictures | None], Iterator[bytes]]
    tags: tuple[str, ...] = ()
    packs: Literal["never", "by default", "always"] = "never"


def _json(
    tasks: Tasks, config: LabelConfig, moment: datetime, pictures: Pictures | None
) -> Iterator[bytes]:
    yield b"["
    for index, task in enumerate(tasks):
        yield (b"," if index else b"") + msgspec.json.encode(task)
    yield b"]"


_SEQUENCE = ("sequence labeling", "text tagging", "named entity recognition")
_BOXES = ("image segmentation", "object detection")
FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Format(
            "JSON", "JSON", "Everything: tasks with data, annotations and predictions. Comes in "
            "again without loss.", "json", "application/json", _json,
        ),
        Format(
            "JSON_MIN", "JSON-MIN", "An object for each annotation: the data, and each control's "
            "answer.", "json", "application/json", lambda t, c, m, p: as_json_min(t, c),
        ),
        Format(
            "CSV", "CSV", "A line for each annotation, a column for each field and each control.",
            "csv", "text/csv", lambda t, c, m, p: as_csv(t, c),
        ),
        Format(
            "TSV", "TSV", "As CSV, with tabs between the columns.",
            "tsv", "text/tab-separated-values", lambda t, c, m, p: as_csv(t, c, "\t"),
        ),
        Format(
            "CONLL2003", "CONLL2003", "A line for each word with the label of the span that it is "
            "in.", "conll", "text/plain", lambda t, c, m, p: as_conll(t, c), _SEQUENCE,
        ),
        Format(
            "COCO", "COCO", "Boxes and polygons in pixels, in one JSON file; pictures are named, "
            "not packed.", "json", "application/json", lambda t, c, m, p: as_coco(t, c, m), _BOXES,
        ),
        Format(
            "COCO_WITH_IMAGES", "COCO with Images", "As COCO, in a zip with the pictures that were "
            "uploaded here.", "zip", "application/zip", as_coco_with_images, _BOXES, "always",
        ),
        Format(
            "VOC", "Pascal VOC XML", "Boxes in pixels, an XML file for each picture, in a zip with "
            "the pictures that were uploaded here.", "zip", "application/zip", as_voc, _BOXES,
            "by default",
        ),
        Format(
            "YOLO", "YOLO", "Boxes and polygons from 0 to 1, a text for each picture; pictures "
            "are named, not packed.", "zip", "application/zip", as_yolo, _BOXES,
        ),
        Format(
            "YOLO_WITH_IMAGES", "YOLO with Images", "As YOLO, with the pictures that were uploaded "
            "here.", "zip", "application/zip", as_yolo, _BOXES, "always",
        ),
        Format(
            "YOLO_OBB", "YOLOv8 OBB", "The four corners of boxes that may be turned, a text file "
            "for each picture.", "zip", "application/zip", as_yolo_obb, _BOXES,
        ),
        Format(
            "YOLO_OBB_WITH_IMAGES", "YOLOv8 OBB with Images", "As YOLOv8 OBB, with the pictures "
            "that were uploaded here.", "zip", "application/zip", as_yolo_obb, _BOXES, "always",
        ),
    )
}  # fmt: skip


def offered(config: LabelConfig) -> list[dict[str, Any]]:
    """Say which formats a project can be exported in, as Label Studio says it.

    Returns:
        For each format `name`, `title`, `description`, `link`, maybe `tags`; `disabled` where the
        config has nothing that the format holds. Those that work come first.
    """
    shown = []
    for one in FORMATS.values():
        facts: dict[str, Any] = {
            "title": one.title,
            "description": one.description,
            "link": f"https://labelstud.io/guide/export.html#{_anchor(one)}",
            **({"tags": list(one.tags)} if one.tags else {}),
            "name": one.name,
        }
        shown.append(facts if _fits(one.name, config) else {**facts, "disabled": True})
    return sorted(shown, key=lambda facts: bool(facts.get("disabled")))


def _anchor(one: Format) -> str:
    return one.title.removesuffix(" with Images").split()[-1]


def _fits(name: str, config: LabelConfig) -> bool:
    if name in ("JSON", "JSON_MIN", "CSV", "TSV"):
        return True
    controls = config.controls.values()
    about = {name for control in controls for name in control.to_names}
    shown = [item for name, item in config.objects.items() if name in about]
    tags, inputs = {one.tag for one in controls}, {item.tag for item in shown}
    if len({item.field for item in shown}) > 1 or any(item.is_list for item in shown):
        return False
    if name == "CONLL2003":
        is_remote = any(item.value_type == "url" for item in shown if item.tag == "Text")
        return "Text" in inputs and "Labels" in tags and not is_remote
    boxes = "RectangleLabels" in tags or {"Rectangle", "Labels"} <= tags
    polygons = "PolygonLabels" in tags and name != "VOC"
    return "Image" in inputs and (boxes or polygons)


def convert(
    name: str,
    tasks: Tasks,
    config: LabelConfig,
    moment: datetime,
    pictures: Pictures | None = None,
) -> Export:
    """Export tasks in a format.

    Args:
        name: of the format, as in `FORMATS`; small letters are taken too.
        tasks: exported tasks; some formats go through them several times.
        config: the label config.
        moment: what files say of when they were made.
        pictures: where pictures are, for formats that pack them; None packs none.

    Raises:
        InvalidInputError: the format is unknown, or the config has nothing that it holds.
    """
    found = FORMATS.get(name.upper())
    if found is None:
        raise InvalidInputError(
            f"there is no export format {name!r}", fix=f"take one of {', '.join(FORMATS)}"
        )
    if not _fits(found.name, config):
        able = [one for one in FORMATS if _fits(one, config)]
        raise InvalidInputError(
            f"this project cannot be exported as {found.name}",
            why="its label config has nothing that the format holds",
            fix=f"take one of {', '.join(able)}",
        )
    packs = pictures if found.packs != "never" else None
    parts = gathered(found.make(tasks, config, moment, packs))
    return Export(parts, found.suffix, found.media_type)
