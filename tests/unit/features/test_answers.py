"""What a lookup says, written in few pieces, is what JSON of the same table would say."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dovetail.features import Entity, LatestView, PushSource
from dovetail.features.moments import moment_text
from dovetail.features.online.answers import Answer, Block, write_json
from dovetail.features.online.events import Event
from dovetail.features.online.latest import LatestMemory, version_of
from dovetail.features.online.lines import Lines
from dovetail.features.online.rows import Found, Row, columns, unpacked

AT = 1_364_774_400_000_000
values = st.tuples(
    st.one_of(st.none(), st.floats(allow_infinity=False), st.integers(-9, 9)),
    st.one_of(st.floats(-1e9, 1e9), st.text(max_size=3)),
)
stored = st.builds(
    lambda v, at: version_of(v, at, at, (), 0), values, st.sampled_from([AT, AT + 1])
)
absent = st.just(Row((None, None), ("NOT_FOUND", "NOT_FOUND"), 0))
floats = st.tuples(st.floats(-5, 5), st.floats(-5, 5)).map(lambda v: version_of(v, AT, AT, (), 0))


def plain(answer: Answer) -> dict[str, Any]:
    """The same, without any shortcut."""
    none, count = "1970-01-01T00:00:00Z", answer.length
    results: list[dict[str, Any]] = [
        {"values": v, "statuses": ["PRESENT"] * count, "event_timestamps": [none] * count}
        for v in answer.entities.values()
    ]
    for block in answer.blocks:
        results += [
            {
                "values": [unpacked(row[0])[at] for row in block.rows],
                "statuses": [row[1][at] for row in block.rows],
                "event_timestamps": [moment_text(row[2]) for row in block.rows],
            }
            for at in block.wanted
        ]
    names = [*answer.entities, *answer.names]
    return {"results": results, "metadata": {"feature_names": names}}


@given(
    st.one_of(st.lists(st.one_of(stored, absent), max_size=5), st.lists(floats, max_size=5)),
    st.sampled_from([(0, 1), (1, 0), (1,)]),
)
def test_every_answer_is_written_whole(rows: list[Found], wanted: tuple[int, ...]) -> None:
    keys = [f"k{at}" for at in range(len(rows))]
    answer = Answer({"k": keys}, len(rows), ["a", "b"][: len(wanted)], [Block(rows, wanted)])
    assert json.loads(write_json(answer)) == plain(answer)


def test_numbers_are_held_side_by_side_and_come_back_the_same() -> None:
    row = version_of((1.5, -0.0), AT, AT, (), 0)
    assert isinstance(row[0], bytes)
    assert columns([row, row]) == [(1.5, 1.5), (-0.0, -0.0)]
    mixed = version_of((1.5, 2), AT, AT, (), 0)
    assert columns([row, mixed]) == [(1.5, 1.5), (-0.0, 2)]
    assert version_of((float("nan"), 2.0), AT, AT, (), 0)[:2] == (
        (None, 2.0),
        ("NULL_VALUE", "PRESENT"),
    )


def test_no_block_and_no_entity_are_answers_too() -> None:
    assert json.loads(write_json(Answer({}, 1, [], []))) == {
        "results": [],
        "metadata": {"feature_names": []},
    }
    assert moment_text(AT) == datetime(2013, 4, 1, tzinfo=UTC).isoformat().replace("+00:00", "Z")


def test_lines_of_doubles_are_rows_like_others() -> None:
    source = PushSource("rows", event_time="at")
    view = LatestView("v", entities=[Entity("k")], source=source, features=["a", "b"], ttl="1h")
    memory = LatestMemory(view)
    for key, at in (("x", AT), ("y", AT + 5), ("z", AT + 9)):
        memory.learn_values(key, Event((), at, at + 2, {}), (1.5, float(at - AT)), 7)
    found = memory.rows(["y", "x"], AT + 60)
    assert isinstance(found, Lines)
    present = ("PRESENT", "PRESENT")
    expected = [((1.5, 5.0), present, AT + 5, AT + 7), ((1.5, 0.0), present, AT, AT + 2)]
    assert (list(found), [found[0], found[1]], found[0:1]) == (expected, expected, expected[:1])
    assert [row[2] for row in memory.rows(["y", "x"], AT + 6)] == [0, AT]  # y is not known yet
    statuses = [row[1][0] for row in memory.rows(["x", "none"], AT + 3_600_000_001)]
    assert statuses == ["OUTSIDE_MAX_AGE", "NOT_FOUND"]
    memory.learn_values("x", Event((), AT + 1, AT + 1, {}), (2.5, None), 8)
    assert [v[2] for v in memory.versions("x")] == [AT, AT + 1]
    memory.learn_values("y", Event((), AT + 5, AT + 7, {}), (9.5, 0.0), 6)  # was written earlier
    assert unpacked(memory.versions("y")[0][0]) == (1.5, 5.0)
    assert memory.versions("z") == [version_of((1.5, 9.0), AT + 9, AT + 11, (), 7)]
