"""The CloudEvents SDK encodes, our sink takes; and what our sender writes, the SDK reads."""

from datetime import UTC, datetime

import httpx
import pytest

from dovetail.monitoring.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire import cloudevents as ours

pytestmark = pytest.mark.compat

core = pytest.importorskip("cloudevents.core.v1.event", reason="pip install cloudevents")

AT = datetime(2013, 4, 1, 6, tzinfo=UTC)
RESPONSE = {
    "model_version": "1",
    "outputs": [{"name": "p", "shape": [2, 2], "datatype": "FP32", "data": [0.9, 0.1, 0.2, 0.8]}],
}
OUTCOMES = {"model": "flights", "request_ids": ["a", "a"], "rows": [0, 1], "values": [0, 1]}


def attributes(kind: str, name: str) -> dict[str, object]:
    return {
        "id": name,
        "source": "urn:sdk",
        "type": kind,
        "time": AT,
        "datacontenttype": "application/json",
    }


@pytest.fixture
def sink(tmp_path):
    with run_piece(piece, state=tmp_path) as running, httpx.Client(base_url=running.url) as http:
        yield http


def test_the_present_sdk_is_understood_in_both_modes(sink):
    from cloudevents.core.bindings.http import to_binary_event, to_structured_event

    named = {"inferenceservicename": "flights"}
    response = core.CloudEvent(
        attributes("org.kubeflow.serving.inference.response", "a") | named, RESPONSE
    )
    outcome = core.CloudEvent(attributes("dev.dovetail.outcome", "o"), OUTCOMES)
    for message in (to_binary_event(response), to_structured_event(outcome)):
        answer = sink.post("/monitoring/events", content=message.body, headers=message.headers)
        assert answer.json()["accepted"] == 1, answer.text
    # The same events in the other mode are the same events.
    for message in (to_structured_event(response), to_binary_event(outcome)):
        answer = sink.post("/monitoring/events", content=message.body, headers=message.headers)
        assert answer.json()["duplicates"] == 1, answer.text
    figures = sink.get("/monitoring/models/flights/performance").json()
    assert (figures["predictions"], figures["outcomes"], figures["auc"]) == (2, 2, 1.0)


def test_the_older_sdk_is_understood(sink):
    v1 = pytest.importorskip("cloudevents.v1.http")
    made = attributes("dev.dovetail.outcome", "o") | {"time": AT.isoformat()}
    conversion = pytest.importorskip("cloudevents.v1.conversion")
    for encode in (conversion.to_binary, conversion.to_structured):
        headers, body = encode(v1.CloudEvent(made, OUTCOMES))
        answer = sink.post("/monitoring/events", content=body, headers=headers)
        assert answer.is_success, answer.text
    assert answer.json()["duplicates"] == 1


def test_the_sdk_reads_what_our_webhook_sends():
    from cloudevents.core.bindings.http import HTTPMessage, from_http_event

    data = {"kind": "drift"}
    event = ours.Event(
        id="1.open", source="/monitoring", type="dev.dovetail.alert", time=AT, data=data
    )
    headers, body = ours.encode_structured(event)
    read = from_http_event(
        HTTPMessage(headers={"content-type": headers["Content-Type"]}, body=body)
    )
    assert (read.get_id(), read.get_type(), read.get_time(), read.get_data()) == (
        "1.open",
        "dev.dovetail.alert",
        AT,
        data,
    )
