from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire import http
from dovetail.wire import openlineage as ol

NAMES = st.text(max_size=8)
FACETS = st.dictionaries(NAMES, st.dictionaries(NAMES, NAMES, max_size=2), max_size=2)
TIMES = st.datetimes(timezones=st.just(UTC))
JOBS = st.builds(ol.Job, namespace=NAMES, name=NAMES, facets=FACETS)
DATASETS = st.builds(ol.Dataset, namespace=NAMES, name=NAMES, facets=FACETS, input_facets=FACETS)
MANY = st.lists(DATASETS, max_size=2).map(tuple)
EVENTS = st.one_of(
    st.builds(
        ol.RunEvent,
        event_time=TIMES,
        run=st.builds(ol.Run, run_id=NAMES, facets=FACETS),
        job=JOBS,
        producer=NAMES,
        event_type=st.none() | st.sampled_from(["START", "COMPLETE", "FAIL"]),
        inputs=MANY,
        outputs=MANY,
    ),
    st.builds(ol.JobEvent, event_time=TIMES, job=JOBS, producer=NAMES, inputs=MANY),
    st.builds(ol.DatasetEvent, event_time=TIMES, dataset=DATASETS, producer=NAMES),
)


@given(EVENTS)
def test_an_event_survives_the_wire(event):
    assert ol.decode(ol.encode(event)) == event


def test_names_on_the_wire_are_those_of_the_specification():
    event = ol.RunEvent(
        event_time=datetime(2013, 4, 1, tzinfo=UTC),
        event_type="COMPLETE",
        run=ol.Run(run_id="r", facets={"nominalTime": ol.facet("p", "s", x=1)}),
        job=ol.Job(namespace="n", name="j"),
        outputs=(ol.Dataset(namespace="n", name="d", output_facets={"a": {}}),),
        producer="p",
    )
    assert msgspec.json.decode(ol.encode(event)) == {
        "eventTime": "2013-04-01T00:00:00Z",
        "eventType": "COMPLETE",
        "run": {
            "runId": "r",
            "facets": {"nominalTime": {"_producer": "p", "_schemaURL": "s", "x": 1}},
        },
        "job": {"namespace": "n", "name": "j"},
        "outputs": [{"namespace": "n", "name": "d", "outputFacets": {"a": {}}}],
        "producer": "p",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "truncated"),
        (b"[]", "an event must be a JSON object"),
        (b"{}", "an event has a 'run', a 'job' or a 'dataset'"),
        (b'{"run":{"runId":"r"}}', "missing required field `eventTime`"),
        (b'{"job":{"name":"j"},"eventTime":"2013-04-01T00:00:00Z"}', "`namespace`"),
    ],
)
def test_what_is_no_event_is_refused(body, words):
    with pytest.raises(ol.InvalidEvent, match=words):
        ol.decode(body)


def test_events_are_sent_one_by_one_in_order(script):
    job = ol.Job(namespace="n", name="j")
    at = datetime(2013, 4, 1, tzinfo=UTC)
    sent = [
        ol.RunEvent(event_time=at, run=ol.Run(run_id=str(n)), job=job, producer="p")
        for n in range(2)
    ]
    with ol.Client(script.url) as client:
        client.emit(*sent)
        script.say({"detail": "no"}, 400)
        with pytest.raises(http.BadRequest):
            client.emit(sent[0])
    assert [call.path for call in script.calls] == ["/api/v1/lineage"] * 3
    assert [ol.decode(call.body) for call in script.calls[:2]] == sent
