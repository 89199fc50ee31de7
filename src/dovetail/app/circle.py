"""The first page: what fills each joint of the circle, is it alive, and what needs attention.

`circle_view` turns facts, which the composition gathers, into what the page and its JSON twin
show. It asks nobody and so is the same for an embedded piece, a remote incumbent and a test.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from dovetail.web import svg
from dovetail.web.svg import Node, Svg

__all__ = ["AttentionFacts", "CircleFacts", "CircleView", "JointFacts", "circle_view"]

State = Literal["alive", "waiting", "down", "off"]
Level = Literal["ok", "info", "warn", "alarm", "idle"]
LEVELS: dict[State, Level] = {"alive": "ok", "waiting": "warn", "down": "alarm", "off": "idle"}
URGENCY = ("alarm", "warn", "info")


class JointFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One joint of the circle.

    Attributes:
        name: the joint's key in `dovetail.toml`.
        title: what people call its stage.
        job: one line on what the stage does.
        protocol: the open protocol that is spoken there.
        filled_by: `embedded`, `off` or the URL of what the team runs.
        product: what answers, such as `Dovetail` or `MLflow 3.1`; empty when unknown.
        state: `alive`, `waiting` (answers, but is not ready), `down` or `off`.
        reason: why it is not alive; empty when it is.
        seconds: how long its health check took, or None.
        page: its page here, or empty.
        hint: the command that starts or fills it; shown where it is not alive.
    """

    name: str
    title: str
    job: str
    protocol: str
    filled_by: str
    state: State
    product: str = ""
    reason: str = ""
    seconds: float | None = None
    page: str = ""
    hint: str = ""


class AttentionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should look at.

    Attributes:
        level: how urgent it is.
        text: one sentence.
        href: where the evidence is.
        source: the title of the stage that says so.
    """

    level: Literal["info", "warn", "alarm"]
    text: str
    href: str
    source: str


class CircleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page is made of.

    Attributes:
        joints: in the order of the circle.
        attention: what the pieces ask a person to look at.
        as_of: when the joints were asked.
        subject: what the circle is about, such as a model's name; empty when nothing is served.
        notes: lines on the subject, such as its champion and since when.
    """

    joints: Sequence[JointFacts]
    attention: Sequence[AttentionFacts]
    as_of: datetime
    subject: str = ""
    notes: Sequence[str] = ()


class CircleView(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes:
        verdict: the state of the whole in a sentence.
        level: how the whole is.
        joints: the stages in the order of the circle.
        attention: the most urgent first; joints that are down come before what pieces say.
        as_of: when the joints were asked.
        subject: what the circle is about.
        notes: lines on it.
    """

    verdict: str
    level: Level
    joints: Sequence[JointFacts]
    attention: Sequence[AttentionFacts]
    as_of: datetime
    subject: str
    notes: Sequence[str]

    def ring(self) -> Svg:
        """The circle as a drawing: each stage with its joint, or who fills it from outside."""
        nodes = [
            Node(
                id=joint.name,
                label=joint.title,
                note=joint.protocol if joint.filled_by == "embedded" else _filling(joint),
                level=LEVELS[joint.state],
                state=joint.state,
                href=joint.page,
            )
            for joint in self.joints
        ]
        centre = [self.subject, *self.notes] if self.subject else []
        return svg.ring(nodes, title="The circle of the stages and their states", centre=centre)

    def rows(self) -> list[dict[str, object]]:
        """The stages as rows of a table."""
        return [
            {
                "title": joint.title,
                "page": joint.page,
                "job": joint.job,
                "filling": _filling(joint),
                "protocol": joint.protocol,
                "state": joint.state,
                "level": LEVELS[joint.state],
                "seconds": joint.seconds,
                "reason": joint.reason,
                "hint": joint.hint if joint.state != "alive" else "",
            }
            for joint in self.joints
        ]


def circle_view(facts: CircleFacts) -> CircleView:
    """Judge the facts and put them in order.

    Args:
        facts: what the composition found.
    """
    down = [
        AttentionFacts(
            level="alarm",
            text=f"{joint.title} does not answer: {joint.reason or joint.filled_by}",
            href=joint.page or "#stages",
            source=joint.title,
        )
        for joint in facts.joints
        if joint.state == "down"
    ]
    attention = sorted([*down, *facts.attention], key=lambda item: URGENCY.index(item.level))
    verdict, level = _verdict(facts.joints, attention)
    return CircleView(
        verdict=verdict,
        level=level,
        joints=facts.joints,
        attention=attention,
        as_of=facts.as_of,
        subject=facts.subject,
        notes=facts.notes,
    )


def _verdict(
    joints: Sequence[JointFacts], attention: Sequence[AttentionFacts]
) -> tuple[str, Level]:
    """The whole in a sentence, with its level."""
    filled = [joint for joint in joints if joint.state != "off"]
    alive = sum(joint.state == "alive" for joint in filled)
    stages = f"{alive} of {len(filled)} stages are alive"
    if not filled:
        return "No stage is filled yet.", "idle"
    urgent = sum(item.level == "alarm" for item in attention)
    watch = sum(item.level == "warn" for item in attention)
    if urgent:
        return f"{stages}; {_count(urgent, 'thing needs', 'things need')} a person now.", "alarm"
    if watch or alive < len(filled):
        return f"{stages}; {_count(watch, 'thing is', 'things are')} worth a look.", "warn"
    return f"{stages}, and nothing needs a person.", "ok"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _filling(joint: JointFacts) -> str:
    """What fills a joint, in few words."""
    if joint.state == "off":
        return "not filled"
    if joint.filled_by == "embedded":
        return "here"
    address = joint.filled_by.partition("://")[2].rstrip("/") or joint.filled_by
    return f"{joint.product} at {address}" if joint.product else address
