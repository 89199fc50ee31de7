"""What an annotation says, in a few words."""

import json
from typing import Any

import pytest

from dovetail.labels.ui.said import said
from dovetail.wire.label_studio.config import parse

CONFIG = parse(
    """<View><Text name="text" value="$text"/>
    <Choices name="mood" toName="text" choice="multiple">
      <Choice value="a"/><Choice value="b"/></Choices>
    <Labels name="ner" toName="text"><Label value="PER"/></Labels>
    <Text name="other" value="$other"/><Pairwise name="better" toName="text,other"/>
    <Rating name="stars" toName="text"/><TextArea name="why" toName="text"/></View>"""
)


def region(name: str, kind: str, **value: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": kind, "value": value}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ([region("mood", "choices", choices=["b", "a"])], "a | b"),
        (
            [
                region("ner", "labels", start=0, end=1, text="x", labels=["PER"]),
                region("ner", "labels", start=2, end=3, text="y", labels=["PER"]),
            ],
            "2 PER",
        ),
        ([region("stars", "rating", rating=4), region("why", "textarea", text=["so"])], "4; so"),
        ([region("better", "pairwise", selected="right")], "the second"),
        ([], "nothing"),
        ([region("dab", "brushlabels", rle=[1])], "of a kind that is not shown"),
        ([region("why", "textarea", text=["word " * 40])], "word " * 23 + "word…"),
    ],
    ids=["classes", "spans", "several", "pair", "nothing", "unknown", "long"],
)
def test_a_result_in_words(result: list[dict[str, Any]], words: str) -> None:
    assert said(json.dumps(result), CONFIG) == words


def test_a_skipped_task_says_so() -> None:
    assert said("[]", CONFIG, was_cancelled=True) == "skipped"


def test_an_order_is_told_by_its_ids() -> None:
    config = parse(
        '<View><List name="f" value="$i"/><Ranker name="rank" toName="f">'
        '<Bucket name="good"/></Ranker></View>'
    )
    one = {"from_name": "rank", "to_name": "f", "type": "ranker"}
    for ranks, words in (({"rank": ["b", "a"]}, "b, a"), ({"_": ["b"], "good": ["a"]}, "good: a")):
        assert said(json.dumps([{**one, "value": {"ranker": ranks}}]), config) == words
