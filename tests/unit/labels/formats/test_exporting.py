"""Exports: nothing is lost in JSON, nothing is run in CSV, and odd regions harm no format."""

import csv
import io
import json
import time
import zipfile
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.base.errors import InvalidInputError
from dovetail.labels.formats import FORMATS, convert, offered
from dovetail.labels.formats.flat import defuse, infuse
from dovetail.labels.formats.objects import read_json
from dovetail.labels.formats.reading import read
from dovetail.wire.label_studio.config import parse

MOMENT = datetime(2026, 1, 2, 3, 4, 5)
TEXT = parse("""<View><Text name="text" value="$text"/>
  <Labels name="ner" toName="text"><Label value="PER"/></Labels>
  <Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
</View>""")
IMAGE = parse("""<View><Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image"><Label value="cat"/></RectangleLabels>
  <PolygonLabels name="area" toName="image"><Label value="sky"/></PolygonLabels></View>""")


def content(name, tasks, config=TEXT):
    return b"".join(convert(name, tasks, config, MOMENT).parts)


def choice(label, **more):
    return {"id": "x", "from_name": "mood", "to_name": "text", "type": "choices",
            "value": {"choices": [label]}, **more}  # fmt: skip


def task(number, *results, **more):
    annotations = [
        {"id": number * 10 + turn, "completed_by": turn, "created_at": f"2026-01-0{turn + 1}",
         "result": result} for turn, result in enumerate(results)
    ]  # fmt: skip
    return {"id": number, "data": {"text": f"text {number}"}, "annotations": annotations, **more}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
ODD = st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4)


@st.composite
def odd_tasks(draw):
    """Exports of projects with tags, regions and fields that nobody here knows."""
    result = draw(st.lists(ODD, max_size=3))
    annotation = {**draw(ODD), "id": 1, "result": [*result, {**draw(ODD), "type": "hologram"}]}
    predictions = draw(st.lists(ODD, max_size=2))
    return {**draw(ODD), "id": draw(st.integers(1, 9)), "data": {"text": "x", **draw(ODD)},
            "annotations": [annotation], "predictions": predictions}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(odd_tasks(), min_size=1, max_size=3))
def test_json_goes_out_and_comes_in_without_loss(tasks):
    exported = content("JSON", tasks)
    assert json.loads(exported) == tasks
    assert read_json(exported, "export.json") == tasks


@settings(max_examples=60, deadline=None)
@given(st.lists(odd_tasks(), min_size=1, max_size=3))
def test_odd_regions_harm_no_format(tasks):
    for name in ("JSON_MIN", "CSV", "TSV", "CONLL2003"):
        content(name, tasks)
    for name in ("COCO", "YOLO", "YOLO_OBB", "VOC"):
        content(name, tasks, IMAGE)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="'=+-@\t\ra1. \n", max_size=8))
def test_what_is_defused_comes_back(cell):
    safe = defuse(cell)
    assert infuse(safe) == cell
    assert safe[:1] not in "=@\t\r" or safe == ""


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"), ("+1 234", "'+1 234"), ("-cmd|'/c calc'!A1", "'-cmd|'/c calc'!A1"),
        ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"), ("-3.5e2", "-3.5e2"), ("+7", "+7"),
        ("it's = fine", "it's = fine"), ("'=1", "''=1"), (5, 5), (None, None),
    ],
)  # fmt: skip
def test_a_formula_is_no_formula_in_a_table(cell, safe):
    assert defuse(cell) == safe


def test_a_table_of_an_export_comes_in_as_it_was():
    tasks = [
        {"id": 1, "data": {"text": '=HYPERLINK("http://x")', "@n": "+49 30"}, "annotations": []}
    ]
    exported = content("CSV", tasks)
    assert b"\"'=HYPERLINK" in exported
    found = read(io.BytesIO(exported), "export.csv").tasks[0]["data"]
    assert (found["text"], found["@n"]) == ('=HYPERLINK("http://x")', "+49 30")


def test_the_newest_annotation_comes_first_and_skipped_ones_not():
    skipped = {"id": 5, "was_cancelled": True, "result": [choice("bad")]}
    one = task(1, [choice("good")], [choice("bad")])
    one["annotations"].append(skipped)
    found = json.loads(content("JSON_MIN", [one, task(2)]))
    assert [(row["id"], row.get("mood"), row["annotator"]) for row in found] == [
        (1, "bad", 1), (1, "good", 0), (2, None, None),
    ]  # fmt: skip


def test_columns_that_clash_are_told_apart():
    one = task(1, [choice("good")])
    one["data"]["mood"] = "theirs"
    line = next(csv.DictReader(io.StringIO(content("CSV", [one]).decode())))
    assert (line["mood"], line["_data_mood"]) == ("good", "theirs")


def test_words_carry_the_label_of_their_span():
    span = {"from_name": "ner", "to_name": "text", "type": "labels",
            "value": {"start": 0, "end": 11, "labels": ["PER"]}}  # fmt: skip
    one = task(1, [span])
    one["data"]["text"] = "Ann Example works."
    assert content("CONLL2003", [one]).decode() == (
        "-DOCSTART- -X- O\nAnn -X- _ B-PER\nExample -X- _ I-PER\nworks -X- _ O\n. -X- _ O\n\n"
    )


def picture(number, url, *results):
    return {**task(number, *results), "data": {"image": url}}


def box(x, label="cat"):
    return {"from_name": "box", "to_name": "image", "type": "rectanglelabels",
            "original_width": 200, "original_height": 100,
            "value": {"x": x, "y": 0, "width": 10, "height": 10, "rotation": 0,
                      "rectanglelabels": [label]}}  # fmt: skip


def test_a_picture_has_one_file_and_no_name_leads_out_of_the_zip():
    tasks = [
        picture(1, "http://x/../../etc/a.png", [box(0)], [box(50)]),
        picture(2, "http://y/a.png", [box(10)]),
        picture(3, "data:image/png;base64,AAAA", [box(10)]),
        picture(4, None, []),
    ]
    with zipfile.ZipFile(io.BytesIO(content("YOLO", tasks, IMAGE))) as archive:
        names = archive.namelist()
        labels = [name for name in names if name.endswith(".txt") and name.startswith("labels/")]
        assert len(labels) == 4
        assert all(".." not in name and name.count("/") == 1 for name in labels)
        first = next(name for name in labels if name == archive.namelist()[2])
        assert archive.read(first).decode() == "0 0.55 0.05 0.1 0.1\n"
        assert archive.read("classes.txt").decode() == "cat\nsky\n"


def test_pictures_that_are_called_alike_keep_their_labels():
    urls = ["/data/upload/1/a.png", "/data/upload/2/a.png", "http://x/a.png"]
    tasks = [picture(n, url, [box(n * 10)]) for n, url in enumerate(urls)]
    with zipfile.ZipFile(io.BytesIO(content("YOLO", tasks, IMAGE))) as archive:
        every = [name for name in archive.namelist() if name.endswith("a.txt")]
    assert "labels/a.txt" in every
    assert len(every) == 3
    found = json.loads(content("COCO", tasks, IMAGE))["images"]
    assert found[0]["file_name"] == "images/a.png"
    assert len({image["file_name"] for image in found}) == 3


def test_the_same_tasks_make_the_same_bytes():
    tasks = [picture(1, "http://x/a.png", [box(0)])]
    for name in ("COCO", "YOLO", "VOC"):
        assert content(name, tasks, IMAGE) == content(name, tasks, IMAGE)


def test_formats_that_do_not_fit_are_said():
    with pytest.raises(InvalidInputError) as error:
        convert("COCO", [], TEXT, MOMENT)
    assert str(error.value) == (
        "this project cannot be exported as COCO. its label config has nothing that the format "
        "holds. take one of JSON, JSON_MIN, CSV, TSV, CONLL2003."
    )
    with pytest.raises(InvalidInputError, match="there is no export format 'DOCX'"):
        convert("DOCX", [], TEXT, MOMENT)
    names = [one["name"] for one in offered(TEXT)]
    assert sorted(names) == sorted(FORMATS)
    assert [one["name"] for one in offered(TEXT) if one.get("disabled")] == [
        "COCO", "COCO_WITH_IMAGES", "VOC", "YOLO", "YOLO_WITH_IMAGES", "YOLO_OBB",
        "YOLO_OBB_WITH_IMAGES",
    ]  # fmt: skip


def test_ten_thousand_tasks_are_exported_within_a_second():
    tasks = [task(number, [choice("good")]) for number in range(10_000)]
    for name in ("JSON", "JSON_MIN", "CSV"):
        began = time.process_time()
        content(name, tasks)
        assert time.process_time() - began < 1
