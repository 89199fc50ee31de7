"""The page, its JSON twin, the HTTP surface, and texts that try to be more than text."""

from datetime import date

import httpx
import pytest

from dovetail.base.settings import ServerSettings
from dovetail.loop import Event, LoopSettings, LoopStore, piece
from dovetail.web.alone import Surroundings
from dovetail.web.testing import run_piece

DAY = date(2024, 1, 1)
ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"
SETTINGS = LoopSettings(model="flights")


def event(kind: str, text: str, version: str | None = None, **facts) -> Event:
    return Event(day=str(DAY), kind=kind, version=version, text=text, facts=facts)


@pytest.fixture
def store(tmp_path):
    made = LoopStore(f"sqlite:///{tmp_path}/loop.db", "flights")
    yield made
    made.close()


@pytest.fixture
def server(tmp_path, store):
    with run_piece(piece, SETTINGS, state=tmp_path) as running:
        yield running


def test_an_empty_page_says_what_to_do(server):
    page = httpx.get(f"{server.url}/loop").text
    assert "The loop has not run yet." in page
    assert "dovetail loop run" in page


def test_the_page_and_its_twin_tell_the_same(server, store):
    cycle = store.begin(DAY, None, event("training", "there is no champion yet"))
    facts = {
        "retrain": False, "reason": "not yet", "age": 22, "recalibration": 0.0012,
        "ageing": 0.0044, "expected": 80.0, "cost": 150.0,
    }  # fmt: skip
    store.advance(cycle, "promoted", event("promoted", "version 1 is flights@champion", "1"),
                  challenger="1", values={"champion": "1", "weights": {"1": 100.0}})  # fmt: skip
    store.note(event("looked", "expected to save 80 over 30 days, costs 150", "1", **facts))
    page = httpx.get(f"{server.url}/loop").text
    for text in ("version 1 is flights@champion", "Traffic to version 1", "100 %", "0.00120"):
        assert text in page
    twin = httpx.get(f"{server.url}/loop.json").json()
    assert twin["state"]["champion"] == "1"
    assert [row["kind"] for row in twin["events"]] == ["promoted", "training"]
    assert [look["answer"] for look in twin["looks"]] == ["wait"]
    assert httpx.get(f"{server.url}/loop/state").json() == twin["state"]
    kinds = [found["kind"] for found in httpx.get(f"{server.url}/loop/history").json()]
    assert kinds == ["training", "promoted", "looked"]


def test_texts_stay_texts(server, store):
    cycle = store.begin(DAY, ATTACK, event("training", ATTACK, ATTACK))
    store.advance(cycle, "promoting", event(ATTACK, ATTACK, ATTACK, **{ATTACK: ATTACK}),
                  challenger=ATTACK, facts={"refusal": ATTACK},
                  values={"champion": ATTACK, "weights": {ATTACK: 100.0}})  # fmt: skip
    answer = httpx.get(f"{server.url}/loop")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert "{{ 7 * 7 }}" in answer.text
    assert httpx.get(f"{server.url}/loop.json").json()["state"]["refused"] == ATTACK


def test_a_waiting_promotion_asks_for_attention(tmp_path, store):
    around = Surroundings(ServerSettings(state=str(tmp_path)), {"loop": "embedded"})
    service = piece.build(around.context(), SETTINGS)
    assert service.attention is not None
    assert service.stop is not None
    assert list(service.attention()) == []
    cycle = store.begin(DAY, "1", event("training", "it pays"))
    refused = event("refused", "an approval is missing", "2")
    store.advance(cycle, "promoting", refused, challenger="2", facts={"refusal": refused.text})
    assert [found.text for found in service.attention()] == [
        "a promotion waits at the gate: an approval is missing"
    ]
    service.stop()
