"""Results: what they say in a comparable form, how far two agree, what is wrong with them."""

import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.wire.label_studio.config import parse
from dovetail.wire.label_studio.results import (
    Shape,
    agreement,
    agreements,
    answers,
    as_region,
    as_result,
    compare,
    faults,
    regions,
)
from dovetail.wire.label_studio.shapes import overlap, shape_of

CONFIG = parse("""<View>
  <Text name="text" value="$text"/><Image name="image" value="$image"/>
  <List name="list" value="$list"/>
  <Choices name="mood" toName="text" required="true">
    <Choice value="good"/><Choice value="bad"/>
  </Choices>
  <Choices name="topics" toName="text" choice="multiple">
    <Choice value="a"/><Choice value="b"/><Choice value="c"/>
  </Choices>
  <Labels name="ner" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>
  <RectangleLabels name="box" toName="image">
    <Label value="cat"/><Label value="dog"/>
  </RectangleLabels>
  <PolygonLabels name="area" toName="image"><Label value="cat"/></PolygonLabels>
  <KeyPointLabels name="point" toName="image"><Label value="eye"/></KeyPointLabels>
  <Rating name="stars" toName="text"/><Number name="age" toName="text" min="0" max="100"/>
  <TextArea name="why" toName="text"/><DateTime name="when" toName="text"/>
  <Pairwise name="better" toName="text,image"/>
  <Ranker name="rank" toName="list"/>
  <Taxonomy name="kind" toName="text">
    <Choice value="Animal"><Choice value="Cat"/><Choice value="Dog"/></Choice>
  </Taxonomy>
  <Choices name="sure" toName="text" perRegion="true">
    <Choice value="yes"/><Choice value="no"/>
  </Choices>
  <Grab name="grab" toName="text"/>
</View>""")  # fmt: skip


def region(name: str, value: dict, **more: object) -> dict:
    control = CONFIG.controls[name]
    head = {"from_name": name, "to_name": control.to_names[0], "type": control.type}
    return {**head, "value": value, **more}


def span(start: float, end: float, label: str = "PER", **more: object) -> dict:
    return region("ner", {"start": start, "end": end, "labels": [label], "text": "x"}, **more)


def box(x: float, y: float, width: float, height: float, label: str = "cat", turn: float = 0):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": turn}
    return region("box", {**value, "rectanglelabels": [label]})


def said(*result: dict) -> dict:
    return answers(result, CONFIG)


@pytest.mark.parametrize(
    ("given_region", "value", "label"),
    [
        (region("mood", {"choices": ["good"]}), "good", "good"),
        (region("topics", {"choices": ["b", "a"]}), ("a", "b"), "a | b"),
        (region("topics", {"choices": ["b"]}), ("b",), "b"),
        (region("stars", {"rating": 4}), 4.0, "4"),
        (region("age", {"number": "3.5"}), 3.5, "3.5"),
        (region("why", {"text": ["so", "and so"]}), "so\nand so", None),
        (region("when", {"datetime": "2026-01-02"}), "2026-01-02", None),
        (region("better", {"selected": "left"}), "left", "left"),
        (region("rank", {"ranker": {"rank": ["2", "1"]}}), (("rank", ("2", "1")),), None),
        (
            region("kind", {"taxonomy": [["Animal", "Dog"], ["Animal", "Cat"]]}),
            (("Animal", "Cat"), ("Animal", "Dog")),
            "Animal / Cat | Animal / Dog",
        ),
        (span(0, 3), (Shape("span", "", (0.0, 3.0), ("PER",), "x"),), None),
        (
            box(1, 2, 3, 4),
            (Shape("box", "", (1.0, 2.0, 3.0, 4.0, 0.0), ("cat",)),),
            None,
        ),
        (region("grab", {"b": 1, "a": [2]}), '{"a":[2],"b":1}', None),
    ],
    ids=lambda one: one.get("from_name") if isinstance(one, dict) else "",
)
def test_what_a_region_says(given_region, value, label):
    answer = said(given_region)[given_region["from_name"]]
    assert answer.value == value
    assert answer.label == label


def test_order_and_ids_do_not_count():
    first = said(span(0, 3, id="a"), span(5, 9, "ORG", id="b", score=0.5))
    second = said(span(5, 9, "ORG", id="x", meta={"text": ["?"]}), span(0, 3, id="y"))
    assert first["ner"].value == second["ner"].value
    assert first["ner"].key == second["ner"].key
    assert first["ner"].labels == ("ORG", "PER")
    assert (first["ner"].score, second["ner"].score) == (0.5, None)


def test_an_answer_about_a_region_is_told_with_its_place():
    answer = said(
        span(0, 3, id="a"), region("sure", {"start": 0, "end": 3, "choices": ["no"]}, id="a")
    )
    assert answer["sure"].value == (Shape("span", "", (0.0, 3.0), ("no",)),)
    bare = said(span(0, 3, id="a"), region("sure", {"choices": ["no"]}, id="a"))
    assert bare["sure"].value == (Shape("span", "", (0.0, 3.0), ("no",), "x"),)


def test_what_cannot_be_read_is_passed_over():
    assert said("x", {}, {"from_name": "mood"}, {"from_name": 3, "value": {}}, {"value": []}) == {}
    assert said({"from_name": "gone", "value": {"choices": ["x"]}}) == {}
    assert said(region("age", {"number": "many"}), region("mood", {"choices": []})) == {}
    assert said(region("age", {"number": 10**400})) == {}
    assert said(span(10**400, 3))["ner"].value == (Shape("whole", "", (), ("PER",)),)
    assert regions(["x", {"id": 3, "value": []}])[0].id == ""


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (region("mood", {"choices": ["good"]}), region("mood", {"choices": ["good"]}), 1.0),
        (region("mood", {"choices": ["good"]}), region("mood", {"choices": ["bad"]}), 0.0),
        (
            region("topics", {"choices": ["a", "b"]}),
            region("topics", {"choices": ["b", "c"]}),
            1 / 3,
        ),
        (region("stars", {"rating": 5}), region("stars", {"rating": 4}), 0.75),
        (region("age", {"number": 20}), region("age", {"number": 30}), 0.9),
        (region("better", {"selected": "left"}), region("better", {"selected": "right"}), 0.0),
        (region("why", {"text": ["a b c"]}), region("why", {"text": ["A b  d"]}), 2 / 3),
        (span(0, 10), span(5, 10), 0.5),
        (span(0, 10), span(0, 10, "ORG"), 0.0),
        (span(0, 10), span(20, 30), 0.0),
        (box(0, 0, 10, 10), box(5, 0, 10, 10), 1 / 3),
        (box(0, 0, 10, 10), box(0, 0, 10, 10, "dog"), 0.0),
        (
            region("rank", {"ranker": {"rank": ["1", "2", "3"]}}),
            region("rank", {"ranker": {"rank": ["1", "3", "2"]}}),
            2 / 3,
        ),
        (
            region("rank", {"ranker": {"good": ["1", "2"], "bad": ["3"]}}),
            region("rank", {"ranker": {"good": ["1"], "bad": ["2", "3"]}}),
            2 / 3,
        ),
        (
            region("kind", {"taxonomy": [["Animal", "Cat"]]}),
            region("kind", {"taxonomy": [["Animal", "Cat"], ["Animal", "Dog"]]}),
            0.5,
        ),
    ],
)  # fmt: skip
def test_agreement(one, other, share):
    name = one["from_name"]
    assert agreement(said(one), said(other), CONFIG)[name] == pytest.approx(share)
    assert agreement(said(other), said(one), CONFIG)[name] == pytest.approx(share)
    assert agreement(said(one), said(one), CONFIG)[name] == 1.0


def test_agreement_counts_what_only_one_marked():
    assert agreement(said(span(0, 10), span(20, 30)), said(span(0, 10)), CONFIG) == {"ner": 0.5}
    assert agreement(said(span(0, 10)), said(), CONFIG) == {"ner": 0.0}
    assert compare(None, None, CONFIG.controls["ner"]) == 1.0
    assert agreement({}, {}, CONFIG) == {}


def test_agreements_are_the_mean_of_all_pairs():
    good, bad = (said(region("mood", {"choices": [label]})) for label in ("good", "bad"))
    assert agreements([good, good, bad], CONFIG)["mood"] == pytest.approx(1 / 3)
    assert agreements([good], CONFIG) == {}


def test_areas_without_a_formula_are_sampled():
    square = shape_of({"points": [[0, 0], [10, 0], [10, 10], [0, 10]]})
    half = shape_of({"points": [[0, 0], [10, 0], [10, 5], [0, 5]]})
    assert overlap(square, half) == pytest.approx(0.5, abs=0.02)
    upright = shape_of({"x": 0, "y": 0, "width": 10, "height": 10, "rotation": 0})
    turned = shape_of({"x": 5, "y": 0, "width": 50**0.5, "height": 50**0.5, "rotation": 45})
    assert overlap(upright, turned) == pytest.approx(0.5, abs=0.03)
    circle = shape_of({"x": 5, "y": 5, "radiusX": 5, "radiusY": 5})
    wide = shape_of({"x": 5, "y": 5, "radiusX": 10, "radiusY": 5})
    assert overlap(circle, wide) == pytest.approx(0.5, abs=0.03)
    point, near = shape_of({"x": 50, "y": 50}), shape_of({"x": 52.5, "y": 50})
    assert overlap(point, near) == 0.5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0, 60), st.floats(0, 60), st.floats(0.1, 40), st.floats(0.1, 40),
                         st.sampled_from([0.0, 0.0, 30.0])]), min_size=2, max_size=2)
)  # fmt: skip
def test_overlap_is_a_share_whichever_comes_first(both):
    one, other = (shape_of({"x": b[0], "y": b[1], "width": b[2], "height": b[3], "rotation": b[4]})
                  for b in both)  # fmt: skip
    assert 0 <= overlap(one, other) <= 1 + 1e-9
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert overlap(one, one) == 1.0


def test_thousands_of_spans_are_compared_quickly():
    many = said(*(span(n * 10, n * 10 + 5) for n in range(5_000)))
    moved = said(*(span(n * 10 + 1, n * 10 + 6) for n in range(5_000)))
    began = time.process_time()
    share = agreement(many, moved, CONFIG)["ner"]
    assert time.process_time() - began < 2
    assert share == pytest.approx(4 / 6)


def test_spans_in_markup_are_told_apart_by_their_element():
    one = shape_of(
        {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 4}
    )
    other = shape_of(
        {"start": "/p[2]/text()[1]", "end": "/p[2]/text()[1]", "startOffset": 0, "endOffset": 4}
    )
    whole = shape_of({"start": "/p[1]", "end": "/p[2]", "globalOffsets": {"start": 3, "end": 9}})
    assert overlap(one, other) == 0
    assert whole == Shape("span", "", (3.0, 9.0))


def messages(*result: object, complete: bool = False) -> list[str]:
    return [str(fault) for fault in faults(list(result), CONFIG, complete=complete)]


def test_what_the_config_does_not_allow_is_said():
    assert messages(
        region("mood", {"choices": ["ugly"]}),
        region("mood", {"choices": ["good", "bad"]}),
        region("stars", {"rating": 9}),
        region("age", {"number": math.nan}),
        {**span(9, 3), "to_name": "image"},
        {"from_name": "gone", "to_name": "text", "type": "choices", "value": {}},
        {"from_name": "mood"},
        "x",
    ) == [
        "result[0]: 'mood' does not offer 'ugly'. It offers: good, bad.",
        "result[1]: 'mood' takes one label, and 2 are given. Give one.",
        "result[2]: 'stars' is answered with 9. It takes numbers from 0 up to 5.",
        "result[3]: 'age' is answered with nan. Give a number.",
        "result[4]: 'ner' is not about 'image'. Its toName is text.",
        "result[4]: a span goes from 9 to 3. Let it end after its start.",
        "result[5]: no control is named 'gone'. The config has: mood, topics, ner, box, area.",
        "result[6]: a region has no value. Give it from_name, to_name, type and value.",
        "result[7]: a region is str. Make it an object.",
    ]


def test_a_required_control_is_missed():
    assert messages(span(0, 3), complete=True) == [
        "Choices 'mood' is not answered. It is required."
    ]
    assert messages(region("mood", {"choices": ["good"]}), complete=True) == []
    assert [str(fault) for fault in faults("[]", CONFIG)] == [
        "result is no list. Send a list of regions, [] for none."
    ]


def test_relations_unknown_tags_and_what_is_more_are_no_fault():
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    odd = region("grab", {"hand": "left"}, hidden=True)
    assert messages(relation, odd, region("better", {"selected": "left"})) == []


def test_an_answer_is_written_as_a_region():
    controls = CONFIG.controls
    assert as_region(controls["mood"], "good", 0.8) == {
        "from_name": "mood", "to_name": "text", "type": "choices",
        "value": {"choices": ["good"]}, "score": 0.8,
    }  # fmt: skip
    result = as_result(
        CONFIG, {"topics": ["a", "b"], "stars": 4, "age": 3.5, "why": "so", "better": "left",
                 "kind": "Animal / Cat"},
    )  # fmt: skip
    assert messages(*result) == []
    read = {name: answer.value for name, answer in answers(result, CONFIG).items()}
    assert read == {
        "topics": ("a", "b"), "stars": 4.0, "age": 3.5, "why": "so", "better": "left",
        "kind": (("Animal", "Cat"),),
    }  # fmt: skip
    with pytest.raises(ValueError, match="takes no label but spans"):
        as_region(controls["ner"], "PER")
    with pytest.raises(ValueError, match="no control 'gone'"):
        as_result(CONFIG, {"gone": "x"})
