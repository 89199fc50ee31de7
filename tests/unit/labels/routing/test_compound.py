"""Large items are split, and put together again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.base.errors import InvalidInputError
from dovetail.labels.routing.compound import Answered, Rule, joined, label_of, split


def texts(data: dict[str, Any], **rule: Any) -> list[Any]:
    return [part.data for part in split(data, Rule(**rule))]


def test_a_list_brings_an_item_for_each_element() -> None:
    data = {"urls": ["a.png", "b.png"], "set": 7}
    assert texts(data, by="list", field="urls", into="image", keep=["set", "gone"]) == [
        {"set": 7, "image": "a.png"},
        {"set": 7, "image": "b.png"},
    ]


def test_rows_are_items_of_their_own_also_from_text() -> None:
    rows = '[{"name": "x", "n": 1}, {"name": "y", "n": 2}]'
    assert texts({"table": rows}, by="rows", field="table") == [
        {"name": "x", "n": 1},
        {"name": "y", "n": 2},
    ]


@given(st.text(alphabet="ab .!?\n\"'J。", max_size=60))
def test_sentences_stand_where_they_say(text: str) -> None:
    parts = split({"t": text}, Rule(by="sentences", field="t"))
    said = [text[part.place["start"] : part.place["end"]] for part in parts]
    assert said == [part.data["text"] for part in parts]
    assert "".join("".join(said).split()) == "".join(text.split())


def test_regions_are_asked_one_by_one_and_come_back_in_place() -> None:
    region = {
        "id": "r1", "from_name": "ner", "to_name": "t", "type": "labels",
        "value": {"start": 0, "end": 5, "labels": ["PER"]},
    }  # fmt: skip
    parts = split({"t": "Alice sang"}, Rule(by="regions", field="t"), [region, {"value": None}])
    assert [part.data for part in parts] == [{"text": "Alice"}]
    said = [Answered(index=0, label="ORG", confidence=0.8, place=parts[0].place)]
    assert joined(said, "ner", "t", "labels") == [
        {**region, "value": {"start": 0, "end": 5, "labels": ["ORG"]}, "score": 0.8}
    ]


def test_sentences_come_back_as_spans() -> None:
    rule = Rule(by="sentences", field="t")
    parts = split({"t": "Fine. Late."}, rule)
    said = [
        Answered(index=part.index, label=label, confidence=0.9, place=part.place)
        for part, label in zip(parts, ["good", "bad"], strict=True)
    ]
    regions = joined(said, "mood", "t", "labels")
    assert [one["value"] for one in regions] == [
        {"start": 0, "end": 5, "text": "Fine.", "labels": ["good"]},
        {"start": 6, "end": 11, "text": "Late.", "labels": ["bad"]},
    ]


def test_one_part_can_decide() -> None:
    parts = [Answered(index=i, label=x, confidence=0.8) for i, x in enumerate(["ok"] * 5 + ["bad"])]
    assert label_of(parts, Rule(by="list", field="x")) == ("ok", pytest.approx(5 * 0.8 / 6))
    decided = label_of(parts, Rule(by="list", field="x", join="any", order=["bad"]))
    assert decided == ("bad", pytest.approx(0.8))
    assert label_of([], Rule(by="list", field="x")) is None


@pytest.mark.parametrize(
    ("data", "by"),
    [({}, "list"), ({"f": "text"}, "list"), ({"f": [1]}, "rows"), ({"f": 3}, "sentences")],
)
def test_what_cannot_be_split_is_refused(data: dict[str, Any], by: Any) -> None:
    with pytest.raises(InvalidInputError):
        split(data, Rule(by=by, field="f"))
