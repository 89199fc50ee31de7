from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from dovetail.app.circle import AttentionFacts, CircleFacts, JointFacts, circle_view

NOW = datetime(2013, 9, 18, 12, tzinfo=UTC)


def joint(name: str, state: Any = "alive", **more: Any) -> JointFacts:
    return JointFacts(
        name=name,
        title=name.title(),
        job="job",
        protocol="protocol",
        state=state,
        **{"filled_by": "off" if state == "off" else "embedded", **more},
    )


def facts(*joints: JointFacts, attention: tuple[AttentionFacts, ...] = ()) -> CircleFacts:
    return CircleFacts(joints=joints, attention=attention, as_of=NOW)


WARN = AttentionFacts(level="warn", text="drift", href="/monitoring", source="Monitoring")


@pytest.mark.parametrize(
    ("given", "verdict", "level"),
    [
        (facts(), "No stage is filled yet.", "idle"),
        (facts(joint("a", "off")), "No stage is filled yet.", "idle"),
        (facts(joint("a")), "1 of 1 stages are alive, and nothing needs a person.", "ok"),
        (
            facts(joint("a"), joint("b", "waiting")),
            "1 of 2 stages are alive; 0 things are worth a look.",
            "warn",
        ),
        (
            facts(joint("a"), attention=(WARN,)),
            "1 of 1 stages are alive; 1 thing is worth a look.",
            "warn",
        ),
        (
            facts(joint("a"), joint("b", "down"), joint("c", "off")),
            "1 of 2 stages are alive; 1 thing needs a person now.",
            "alarm",
        ),
    ],
    ids=["empty", "off", "fine", "waiting", "warning", "down"],
)
def test_the_verdict_follows_the_worst_that_is_known(
    given: CircleFacts, verdict: str, level: str
) -> None:
    view = circle_view(given)
    assert (view.verdict, view.level) == (verdict, level)


def test_what_is_down_comes_before_what_the_pieces_say() -> None:
    alarm = AttentionFacts(level="alarm", text="gate", href="/governance", source="Governance")
    view = circle_view(facts(joint("b", "down", reason="refused"), attention=(WARN, alarm)))
    assert [item.text for item in view.attention] == ["B does not answer: refused", "gate", "drift"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (joint("a"), "here"),
        (joint("a", "off"), "not filled"),
        (joint("a", filled_by="https://mlflow.example:5000/"), "mlflow.example:5000"),
        (joint("a", filled_by="http://m.example", product="MLflow 3.1"), "MLflow 3.1 at m.example"),
    ],
    ids=["embedded", "off", "url", "product"],
)
def test_each_stage_says_what_fills_it(given: JointFacts, shown: str) -> None:
    assert [row["filling"] for row in circle_view(facts(given)).rows()] == [shown]


def test_a_hint_is_given_only_where_it_helps() -> None:
    view = circle_view(facts(joint("a", hint="run a"), joint("b", "off", hint="run b")))
    assert [row["hint"] for row in view.rows()] == ["", "run b"]


def test_the_twin_reads_back_as_the_view() -> None:
    view = circle_view(facts(joint("a"), joint("b", "down"), attention=(WARN,)))
    text = msgspec.json.encode(view)
    assert msgspec.json.encode(msgspec.json.decode(text, type=type(view))) == text
