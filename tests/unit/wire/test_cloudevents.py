from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire import cloudevents as ce
from dovetail.wire import http
from dovetail.wire.cloudevents import Event, InvalidEvent

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10)
NAMES = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True).filter(
    lambda name: name not in ce._NOT_EXTENSIONS
)
JSON = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))


def events(extensions):
    return st.builds(
        Event,
        id=TEXT,
        source=TEXT,
        type=TEXT,
        subject=st.none() | TEXT,
        time=st.none() | TIMES,
        dataschema=st.none() | TEXT,
        data=st.none() | JSON,
        extensions=st.dictionaries(NAMES, extensions, max_size=3),
    )


ANY = events(TEXT | st.booleans() | st.integers(-(2**31), 2**31 - 1))
TEXTUAL = events(TEXT)


@given(st.lists(ANY, max_size=3))
def test_a_batch_survives_the_wire(batch):
    assert ce.decode(*ce.encode_batch(batch)) == batch


@given(ANY)
def test_a_structured_event_survives_the_wire(event):
    assert ce.decode(*ce.encode_structured(event)) == [event]


@given(TEXTUAL)
def test_a_binary_event_survives_the_wire_but_names_its_content_type(event):
    headers, body = ce.encode_binary(event)
    assert all(value.isascii() and "\n" not in value for value in headers.values())
    (back,) = ce.decode(headers, body)
    assert back.datacontenttype == (None if event.data is None else "application/json")
    assert [back.id, back.source, back.type, back.subject, back.time, back.dataschema] == [
        event.id,
        event.source,
        event.type,
        event.subject,
        event.time,
        event.dataschema,
    ]
    assert (back.data, back.extensions) == (event.data, event.extensions)


@pytest.mark.parametrize("encode", [ce.encode_structured, ce.encode_binary])
def test_bytes_survive_in_every_mode(encode):
    event = Event(id="1", source="/s", type="t", datacontenttype="image/png", data=b"\x89PNG\xff")
    assert ce.decode(*encode(event)) == [event]


def test_the_specifications_example_is_read():
    body = b"""{
        "specversion": "1.0", "type": "com.github.pull_request.opened",
        "source": "https://github.com/cloudevents/spec/pull", "subject": "123",
        "id": "A234-1234-1234", "time": "2018-04-05T17:31:00Z",
        "comexampleextension1": "value", "comexampleothervalue": 5,
        "unsetextension": null, "datacontenttype": "text/xml", "data": "<much wow=\\"xml\\"/>"
    }"""
    kind = {"content-type": "application/cloudevents+json; charset=UTF-8"}
    assert ce.decode(kind, body) == [
        Event(
            id="A234-1234-1234",
            source="https://github.com/cloudevents/spec/pull",
            type="com.github.pull_request.opened",
            subject="123",
            time=datetime(2018, 4, 5, 17, 31, tzinfo=UTC),
            datacontenttype="text/xml",
            data='<much wow="xml"/>',
            extensions={"comexampleextension1": "value", "comexampleothervalue": 5},
        )
    ]


def test_binary_headers_are_read_in_any_case_and_unquoted():
    headers = {
        "CE-Id": "1",
        "ce-specversion": "1.0",
        "Ce-Type": "t",
        "ce-source": "/s",
        "ce-subject": "Euro%20%E2%82%AC",
        "Content-Type": "application/json",
        "Host": "x",
    }
    (event,) = ce.decode(headers, b'{"a": NaN}')
    assert event.subject == "Euro €"
    assert str(event.data) == "{'a': nan}"


def test_an_event_of_kserve_is_read():
    headers = {
        "ce-id": "r1",
        "ce-source": "http://host",
        "ce-specversion": "1.0",
        "ce-type": "org.kubeflow.serving.inference.request",
        "ce-time": "2013-04-01T05:00:00.123456789Z",
        "ce-inferenceservicename": "flights",
        "ce-namespace": "default",
        "ce-component": "predictor",
        "ce-endpoint": "",
        "content-type": "application/json",
    }
    (event,) = ce.decode(headers, b'{"inputs":[]}')
    assert event.time == datetime(2013, 4, 1, 5, 0, 0, 123457, tzinfo=UTC)
    assert event.extensions == {
        "inferenceservicename": "flights",
        "namespace": "default",
        "component": "predictor",
        "endpoint": "",
    }


def test_time_is_written_in_utc():
    at = datetime(2013, 4, 1, 1, tzinfo=timezone(timedelta(hours=-4)))
    headers, _ = ce.encode_binary(Event(id="1", source="s", type="t", time=at))
    assert headers["ce-time"] == "2013-04-01T05%3A00%3A00Z".replace("%3A", ":")


GOOD = b'"id":"1","source":"/s","type":"t","specversion":"1.0"'
BROKEN = {
    "no-json": (ce.STRUCTURED, b"{", "the body is not JSON"),
    "no-object": (ce.STRUCTURED, b"[]", "an event must be a JSON object"),
    "no-array": (ce.BATCH, b"{}", "a batch must be a JSON array"),
    "which": (ce.BATCH, b"[{%s}, {}]" % GOOD, "event 1: attribute 'id' is missing"),
    "no-type": (ce.STRUCTURED, b'{"id":"1","source":"s","specversion":"1.0"}', "'type' is miss"),
    "empty-id": (ce.STRUCTURED, b"{%s}" % GOOD.replace(b'"1"', b'""'), "'id' must not be empty"),
    "number-id": (ce.STRUCTURED, b"{%s}" % GOOD.replace(b'"1"', b"1"), "'id' must be text"),
    "old-version": (ce.STRUCTURED, b"{%s}" % GOOD.replace(b"1.0", b"0.3"), "specversion is '0.3'"),
    "no-time": (ce.STRUCTURED, b'{%s,"time":"noon"}' % GOOD, "no RFC 3339 time: 'noon'"),
    "no-zone": (ce.STRUCTURED, b'{%s,"time":"2013-04-01T05:00:00"}' % GOOD, "no time zone"),
    "bad-name": (ce.STRUCTURED, b'{%s,"Model-Version":"3"}' % GOOD, "'Model-Version' is not lower"),
    "bad-value": (ce.STRUCTURED, b'{%s,"ext":{}}' % GOOD, "'ext' must be text"),
    "float-value": (ce.STRUCTURED, b'{%s,"ext":1.5}' % GOOD, "'ext' must be text"),
    "big-value": (ce.STRUCTURED, b'{%s,"ext":2147483648}' % GOOD, "outside 32 bits"),
    "no-base64": (ce.STRUCTURED, b'{%s,"data_base64":"!"}' % GOOD, "not base64"),
    "two-data": (ce.STRUCTURED, b'{%s,"data":1,"data_base64":"AA=="}' % GOOD, "not both"),
    "format": ("application/cloudevents+avro", b"", "event format .* is not known"),
    "no-event": ("application/json", b"{}", "neither a CloudEvents content type nor ce- headers"),
    "deep": (ce.STRUCTURED, b'{%s,"data":' % GOOD + b"[" * 9999, "nested too deeply"),
}


@pytest.mark.parametrize(("kind", "body", "words"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_no_event_is_refused(kind, body, words):
    with pytest.raises(InvalidEvent, match=words):
        ce.decode({"Content-Type": kind}, body)


def test_a_binary_message_with_bytes_that_are_no_text_is_refused():
    with pytest.raises(InvalidEvent, match="not UTF-8"):
        ce.decode({"ce-id": "%FF", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}, b"")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"id": ""}, "'id' must not be empty"),
        ({"time": datetime(2013, 4, 1)}, "'time' needs a time zone"),
        ({"specversion": "2.0"}, "only '1.0' is known"),
        ({"extensions": {"a_b": "x"}}, "'a_b' is not lower-case letters and digits"),
        ({"extensions": {"data": "x"}}, "'data' is no extension attribute"),
        ({"extensions": {"x": None}}, "'x' must be text, a whole number or a boolean"),
    ],
)
def test_an_event_that_the_standard_forbids_cannot_be_made(wrong, words):
    with pytest.raises(InvalidEvent, match=words):
        Event(**{"id": "1", "source": "/s", "type": "t", **wrong})


def test_the_client_posts_a_batch_and_nothing_for_nothing(script):
    sent = [Event(id=str(number), source="/s", type="t") for number in range(3)]
    with ce.Client(script.url + "/monitoring/events") as sink:
        sink.send_events([])
        sink.send_events(sent)
    (call,) = script.calls
    assert (call.method, call.path) == ("POST", "/monitoring/events")
    assert ce.decode(call.headers, call.body) == sent


def test_a_sink_that_is_busy_for_a_moment_gets_the_batch_again(script):
    script.say(b"", 503)
    with ce.Client(script.url) as sink:
        sink.send_events([Event(id="1", source="/s", type="t")], "/monitoring/events")
    assert [call.path for call in script.calls] == ["/monitoring/events"] * 2
    assert script.calls[0].body == script.calls[1].body


def test_a_sink_that_refuses_is_an_error(script):
    script.say({"detail": "attribute 'id' is missing"}, 400)
    with ce.Client(script.url) as sink, pytest.raises(http.BadRequest, match="'id' is missing"):
        sink.send_events([Event(id="1", source="/s", type="t")])
