"""Our exports have the content of those that Label Studio's own converter makes.

`exports.json` is what it made of the tasks in it. Where a Label Studio is installed it is asked
again; with RECORD=1 what it says is written down anew.
"""

import csv
import io
import json
import os
import random
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.compat.label_studio.reference import ask, needs_label_studio

from dovetail.labels.formats import FORMATS, convert, offered
from dovetail.labels.formats.flat import infuse
from dovetail.wire.label_studio.config import LabelConfig, parse

pytestmark = pytest.mark.compat
RECORDED = Path(__file__).with_name("exports.json")

TEXT = """<View><Text name="text" value="$text"/>
  <Labels name="ner" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>
  <Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
  <Choices name="topic" toName="text" choice="multiple">
    <Choice value="a"/><Choice value="b"/>
  </Choices>
  <TextArea name="why" toName="text"/><Rating name="stars" toName="text"/>
</View>"""  # fmt: skip
IMAGE = """<View><Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image">
    <Label value="cat"/><Label value="dog" category="7"/>
  </RectangleLabels>
  <PolygonLabels name="area" toName="image"><Label value="cat"/><Label value="sky"/></PolygonLabels>
</View>"""
CONVERT = """
import base64, os, tempfile
from label_studio_sdk.converter import Converter
answer = {}
for name, config, tasks in given:
    with tempfile.TemporaryDirectory() as folder:
        source, out = os.path.join(folder, "in.json"), os.path.join(folder, "out")
        with open(source, "w") as file:
            json.dump(tasks, file)
        converter = Converter(config, project_dir=None, upload_dir=folder, download_resources=False,
                              hostname="http://localhost:8080", access_token="x")
        converter.convert(source, out, name, is_dir=False)
        files = {}
        for place, _, names in os.walk(out):
            for one in names:
                path = os.path.join(place, one)
                with open(path, encoding="utf-8", newline="") as file:
                    files[os.path.relpath(path, out)] = file.read()
        answer[name] = files
"""
MOMENT = datetime(2026, 1, 2)
SALAD = (
    "It's Ann didn't cannot \"quoted words\" (in brackets) [x] 3,000.50 $5 a,b wait... end. U.S. "
    "rock'n'roll gonna -- 50% #tag @you we'll O'Neil é ü 日本 ; : ? ! 'single' ``double'' 'tis it."
)
WORDS = SALAD.split()


def text_tasks() -> list[dict[str, Any]]:
    chance = random.Random(3)
    tasks = []
    for number in range(1, 60):
        text = " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 12)))
        annotations = []
        for turn in range(chance.randint(0, 2)):
            begin = chance.randint(0, len(text) - 1)
            span = {"start": begin, "end": min(len(text), begin + chance.randint(1, 9))}
            result = [
                region("ner", "labels", "text", {**span, "text": "", "labels": ["PER"]}),
                region("mood", "choices", "text", {"choices": ["good"]}),
                region("topic", "choices", "text", {"choices": ["a", "b"]}),
                region("why", "textarea", "text", {"text": ["so", "and so"]}),
                region("gone", "choices", "text", {"choices": ["x"]}),
                region("stars", "rating", "text", {"rating": 4}),
            ]
            annotations.append(annotation(number * 10 + turn, result[: chance.randint(0, 6)]))
        tasks.append({"id": number, "annotations": annotations, "data": {"text": text}})
    tasks[3]["data"] = {
        "text": tasks[3]["data"]["text"],
        "mood": "clash",
        "more": {"a": [1]},
        "n": 2,
    }
    tasks[4]["annotations"] = [{**annotation(1, []), "was_cancelled": True}]
    return tasks


def region(name: str, kind: str, about: str, value: dict[str, Any]) -> dict[str, Any]:
    size = {"original_width": 200, "original_height": 100} if about == "image" else {}
    return {"id": "r", "from_name": name, "to_name": about, "type": kind, "value": value, **size}


def annotation(number: int, result: list[Any]) -> dict[str, Any]:
    made = f"2026-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"
    return {"id": number, "completed_by": 3, "created_at": made, "updated_at": made,
            "lead_time": 1.5, "was_cancelled": False, "result": result}  # fmt: skip


def image_tasks() -> list[dict[str, Any]]:
    chance = random.Random(4)
    urls = ["http://x.org/a%20b/p.png?x=1", "s3://bucket/x/pic.png", "/data/upload/3/8f-p.jpg"]
    tasks = []
    for number, url in enumerate(urls):
        box = {key: chance.randint(1, 40) for key in ("x", "y", "width", "height")}
        upright = {**box, "rotation": 0, "rectanglelabels": ["cat"]}
        turned = {**box, "rotation": 30, "rectanglelabels": ["dog"]}
        points = [[0, 0], [10, 0], [10, 10], [chance.randint(0, 9), 20]]
        result = [
            region("box", "rectanglelabels", "image", upright),
            region("box", "rectanglelabels", "image", turned),
            region("area", "polygonlabels", "image", {"points": points, "polygonlabels": ["sky"]}),
        ]  # fmt: skip
        tasks.append(
            {"id": number, "annotations": [annotation(number, result)], "data": {"image": url}}
        )
    tasks.append({"id": 9, "annotations": [], "data": {"image": "http://x.org/none.png"}})
    return tasks


def cases() -> dict[str, tuple[str, list[dict[str, Any]]]]:
    texts, images = text_tasks(), image_tasks()
    return {name: (TEXT, texts) for name in ("JSON_MIN", "CSV", "TSV", "CONLL2003")} | {
        name: (IMAGE, images) for name in ("COCO", "YOLO", "YOLO_OBB", "VOC")
    }


@needs_label_studio
def test_what_was_recorded_is_what_label_studio_makes() -> None:
    given = cases()
    made = {
        "texts": given["CSV"][1],
        "images": given["COCO"][1],
        "files": ask(CONVERT, [(name, xml, tasks) for name, (xml, tasks) in given.items()]),
        "formats": ask(FORMATS_OF, CONFIGS),
    }
    if os.environ.get("RECORD"):
        RECORDED.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n")
    assert undated(made) == undated(json.loads(RECORDED.read_text()))


def undated(made: dict[str, Any]) -> dict[str, Any]:
    """Without what depends on the day and on the machine."""
    files = {
        name: {key: re.sub(r'"(date_created|year)": [^\n]*', "", text)
               for key, text in renamed(found).items()}
        for name, found in made["files"].items()
    }  # fmt: skip
    return {**made, "files": files}


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


@pytest.fixture(scope="module")
def theirs(recorded: dict[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = recorded["files"]
    return found


def ours(name: str) -> bytes:
    found = json.loads(RECORDED.read_text())
    is_text = name in ("JSON_MIN", "CSV", "TSV", "CONLL2003")
    xml, tasks = (TEXT, found["texts"]) if is_text else (IMAGE, found["images"])
    return b"".join(convert(name, tasks, parse(xml), MOMENT).parts)


def unhashed(text: str) -> str:
    """Names of uploaded pictures without the digest of where they lie on that machine."""
    return re.sub(r"[0-9a-f]{8}__8f-p", "8f-p", text)


def unzipped(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return {unhashed(name): unhashed(archive.read(name).decode()) for name in names}


def renamed(files: dict[str, str]) -> dict[str, str]:
    return {unhashed(name): unhashed(text) for name, text in files.items()}


def near(value: Any) -> Any:
    """Numbers to twelve digits, so that the order of operations does not count."""
    if isinstance(value, dict):
        return {key: near(one) for key, one in value.items()}
    if isinstance(value, list):
        return [near(one) for one in value]
    return round(float(value), 9) if isinstance(value, int | float) else value


def test_json_min(theirs):
    assert json.loads(ours("JSON_MIN")) == json.loads(theirs["JSON_MIN"]["result.json"])


@pytest.mark.parametrize(("name", "separator"), [("CSV", ","), ("TSV", "\t")])
def test_tables(theirs, name, separator):
    def cells(text: str) -> list[dict[str, Any]]:
        read = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
        return [{key: loosely(infuse(cell)) for key, cell in row.items()} for row in read]

    def loosely(cell: str) -> Any:
        return json.loads(cell) if cell[:1] in "[{" and cell[:3] != "[x]" and cell else cell

    assert cells(ours(name).decode()) == cells(theirs[name]["result.csv"])


def test_conll(theirs):
    mine, other = ours("CONLL2003").decode(), theirs["CONLL2003"]["result.conll"]
    assert mine.split("\n") == other.split("\n")


def test_coco(theirs):
    mine, other = (
        json.loads(unhashed(text))
        for text in (ours("COCO").decode(), theirs["COCO"]["result.json"])
    )
    for part in ("images", "categories", "annotations"):
        assert near(mine[part]) == near(other[part])
    assert mine["info"].keys() == other["info"].keys()


@pytest.mark.parametrize("name", ["YOLO", "YOLO_OBB"])
def test_yolo(theirs, name):
    mine, other = unzipped(ours(name)), renamed(theirs[name])
    assert sorted(mine) == sorted(other)
    for file in mine:
        if file.startswith("labels/"):
            lines = [
                [near(float(part)) for part in line.split()] for line in mine[file].splitlines()
            ]
            said = [
                [near(float(part)) for part in line.split()] for line in other[file].splitlines()
            ]
            assert lines == said
    assert (
        json.loads(mine["notes.json"])["categories"]
        == json.loads(other["notes.json"])["categories"]
    )
    assert sorted(mine["classes.txt"].split()) == sorted(other["classes.txt"].split())


def test_voc(theirs):
    mine, other = unzipped(ours("VOC")), renamed(theirs["VOC"])
    assert len(mine) == len(other) == 3

    def facts(text: str) -> list[str]:
        return [line for line in text.replace("><", ">\n<").split("\n") if "<" in line][1:]

    named = {name.rpartition("__")[2]: text for name, text in mine.items()}
    for name, text in other.items():
        assert facts(named[name.rpartition("__")[2]]) == facts(text)


FORMATS_OF = """
from label_studio_sdk.converter import Converter
answer = {}
for name, config in given.items():
    answer[name] = Converter(config, project_dir=None).supported_formats
"""
CONFIGS = {
    "text": TEXT,
    "image": IMAGE,
    "two": '<View><Text name="a" value="$a"/><Text name="b" value="$b"/>'
    '<Labels name="l" toName="a"><Label value="x"/></Labels></View>',
    "polygons": '<View><Image name="i" value="$i"/>'
    '<PolygonLabels name="p" toName="i"><Label value="x"/></PolygonLabels></View>',
    "apart": '<View><Image name="i" value="$i"/><Rectangle name="r" toName="i"/>'
    '<Labels name="l" toName="i"><Label value="x"/></Labels></View>',
    "choices": '<View><Image name="i" value="$i"/>'
    '<Choices name="c" toName="i"><Choice value="x"/></Choices></View>',
}


def test_the_formats_that_a_config_allows_are_the_same(recorded):
    said = recorded["formats"]

    def able(config: LabelConfig) -> set[str]:
        return {one["name"] for one in offered(config) if not one.get("disabled")}

    for name, xml in CONFIGS.items():
        assert able(parse(xml)) == set(said[name]) & set(FORMATS), name
