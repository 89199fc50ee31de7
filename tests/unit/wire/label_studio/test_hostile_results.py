"""Whatever a client sends as a result, it is read without an error and in bounded time."""

import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.wire.label_studio.config import parse
from dovetail.wire.label_studio.results import agreement, answers, faults, regions

TAGS = {
    "a": ("Choices", '<Choice value="x"/><Choice value="y"/>', ""),
    "b": ("Choices", '<Choice value="x"/><Choice value="y"/>', 'choice="multiple"'),
    "c": ("Labels", '<Label value="x"/>', ""),
    "d": ("RectangleLabels", '<Label value="x"/>', ""),
    "e": ("PolygonLabels", '<Label value="x"/>', ""),
    "f": ("Rating", "", ""),
    "g": ("Number", "", 'min="0" max="9"'),
    "h": ("TextArea", "", ""),
    "i": ("Ranker", "", ""),
    "j": ("Taxonomy", '<Choice value="x"><Choice value="y"/></Choice>', ""),
    "k": ("Pairwise", "", ""),
    "l": ("DateTime", "", ""),
    "m": ("Choices", '<Choice value="x"/>', 'perRegion="true"'),
    "n": ("Hologram", "", ""),
    "o": ("TimelineLabels", '<Label value="x"/>', ""),
}
CONFIG = parse(
    '<View><Text name="t" value="$t"/>'
    + "".join(
        f'<{tag} name="{name}" toName="t" {more}>{labels}</{tag}>'
        for name, (tag, labels, more) in TAGS.items()
    )
    + "</View>"
)
KEYS = st.sampled_from(
    [
        "choices", "labels", "rectanglelabels", "polygonlabels", "x", "y", "width", "height",
        "rotation", "points", "start", "end", "startOffset", "endOffset", "globalOffsets", "rating",
        "number", "text", "ranker", "taxonomy", "selected", "datetime", "radiusX", "radiusY", "rle",
        "ranges", "timelinelabels",
    ]
)  # fmt: skip
ATOMS = (
    st.none() | st.booleans() | st.sampled_from(["x", "y", "left", "", "é"]) | st.floats()
    | st.integers(-(10**30), 10**30)
)  # fmt: skip
VALUES = st.recursive(
    ATOMS, lambda one: st.lists(one, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), one)
)
REGION = st.fixed_dictionaries(
    {},
    optional={
        "from_name": st.sampled_from(list(TAGS)) | VALUES,
        "to_name": st.just("t") | VALUES,
        "type": st.sampled_from(["choices", "relation"]) | VALUES,
        "value": st.dictionaries(KEYS, VALUES, max_size=6) | VALUES,
        "id": st.sampled_from(["1", "2"]) | VALUES,
        "score": VALUES,
        "item_index": VALUES,
    },
)
RESULTS = st.lists(REGION | VALUES, max_size=5)


@settings(max_examples=150, deadline=None)
@given(RESULTS, RESULTS)
def test_any_result_is_read(one: list[Any], other: list[Any]) -> None:
    first, second = answers(one, CONFIG), answers(other, CONFIG)
    for answer in first.values():
        assert isinstance(answer.key, str)
        assert answer.label is None or isinstance(answer.label, str)
        assert all(isinstance(label, str) for label in answer.labels)
    for share in agreement(first, second, CONFIG).values():
        assert 0 <= share <= 1 + 1e-9
    assert all(isinstance(str(fault), str) for fault in faults(one, CONFIG))
    assert all(region.shape is not None for region in regions(one))


def test_a_result_that_is_made_to_be_slow_is_not() -> None:
    def boxes(turn: float) -> list[dict[str, Any]]:
        value = {"x": 0, "y": 0, "width": 90, "height": 90, "rectanglelabels": ["x"]}
        return [
            {"from_name": "d", "value": {**value, "x": n / 100, "rotation": turn + n}}
            for n in range(150)
        ]

    text = "word " * 50_000
    one = answers([*boxes(1), {"from_name": "h", "value": {"text": [text]}}], CONFIG)
    other = answers([*boxes(2), {"from_name": "h", "value": {"text": [text[5:] + "y"]}}], CONFIG)
    began = time.process_time()
    agreement(one, other, CONFIG)
    assert time.process_time() - began < 3
