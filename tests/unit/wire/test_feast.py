from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire import feast, http

CELLS = st.none() | st.text(max_size=5) | st.integers(-(2**53), 2**53) | st.booleans()
COLUMNS = st.dictionaries(st.text(max_size=5), st.lists(CELLS, max_size=3), max_size=3)
NAMES = st.text(min_size=1, max_size=8)
MESSAGES = st.one_of(
    st.builds(
        feast.GetOnlineFeatures,
        entities=COLUMNS,
        features=st.lists(NAMES, max_size=3).map(tuple),
        feature_service=st.none() | NAMES,
        full_feature_names=st.booleans(),
        as_of=st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    st.builds(
        feast.Push,
        push_source_name=NAMES,
        df=COLUMNS,
        to=st.sampled_from(["online", "offline", "online_and_offline"]),
    ),
    st.builds(feast.WriteToOnlineStore, feature_view_name=NAMES, df=COLUMNS),
    st.builds(feast.Materialize, start_ts=NAMES, feature_views=st.none() | st.just(("a",))),
    st.builds(feast.MaterializeIncremental, end_ts=NAMES),
)
ANSWER = {
    "results": [
        {
            "values": ["N1", "x"],
            "statuses": ["PRESENT", "PRESENT"],
            "event_timestamps": ["1970-01-01T00:00:00Z"] * 2,
        },
        {"values": [0.3, None], "statuses": ["PRESENT", "NOT_FOUND"]},
    ],
    "metadata": {"feature_names": ["k", "f1"]},
}


@given(MESSAGES)
def test_a_request_survives_the_wire(message):
    assert feast.decode(msgspec.json.encode(message), type(message)) == message


def test_a_column_may_hold_bare_nan():
    body = b'{"push_source_name":"p","df":{"x":[NaN,1.5]}}'
    assert str(feast.decode(body, feast.Push).df) == "{'x': [nan, 1.5]}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "truncated"),
        (b"{}", "missing required field `push_source_name`"),
        (b'{"push_source_name":"p","df":{"x":1}}', "Expected `array`"),
        (b'{"push_source_name":"p","df":{},"to":"nowhere"}', "Invalid enum value 'nowhere'"),
    ],
)
def test_what_is_no_request_is_refused(body, words):
    with pytest.raises(feast.InvalidRequest, match=words):
        feast.decode(body, feast.Push)


def test_features_come_back_by_column(script):
    script.say(ANSWER)
    at = datetime(2013, 4, 1, 5, tzinfo=UTC)
    with feast.Client(script.url) as client:
        answer = client.get_online_features({"k": ("N1", "x")}, features=["o:f1"], as_of=at)
    assert answer.columns() == {"k": ["N1", "x"], "f1": [0.3, None]}
    assert answer.statuses() == {"k": ["PRESENT", "PRESENT"], "f1": ["PRESENT", "NOT_FOUND"]}
    assert script.last.path == "/get-online-features"
    assert script.last.json == {
        "entities": {"k": ["N1", "x"]},
        "features": ["o:f1"],
        "as_of": "2013-04-01T05:00:00Z",
    }


def test_feasts_error_within_a_string_is_read(script):
    script.say(
        '{"module": "feast.errors", "class": "FeatureViewNotFoundException", '
        '"message": "Feature view o does not exist"}',
        404,
    )
    with feast.Client(script.url) as client, pytest.raises(http.NotFound) as caught:
        client.get_online_features({"k": [1]}, feature_service="svc")
    assert caught.value.code == "FeatureViewNotFoundException"
    assert caught.value.message == "Feature view o does not exist"


def test_answers_of_unequal_length_are_no_table():
    answer = feast.OnlineFeatures((feast.FeatureVector(),), feast.Metadata(("a", "b")))
    with pytest.raises(ValueError, match="shorter"):
        answer.columns()


def test_writes_say_what_they_mean(script):
    start, end = datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC)
    with feast.Client(script.url) as client:
        script.say(b"")
        client.push("src", {"k": [1], "event_timestamp": ["2013-01-01T00:00:00Z"]}, to="online")
        script.say(b"null")
        client.write_to_online_store("o", {"k": [1]})
        client.materialize(start, end, ["o"])
        client.materialize_incremental(end)
        assert client.is_healthy()
    assert [(call.path, call.json) for call in script.calls[:4]] == [
        (
            "/push",
            {
                "push_source_name": "src",
                "df": {"k": [1], "event_timestamp": ["2013-01-01T00:00:00Z"]},
            },
        ),
        ("/write-to-online-store", {"feature_view_name": "o", "df": {"k": [1]}}),
        (
            "/materialize",
            {
                "start_ts": "2013-01-01T00:00:00+00:00",
                "end_ts": "2013-02-01T00:00:00+00:00",
                "feature_views": ["o"],
            },
        ),
        ("/materialize-incremental", {"end_ts": "2013-02-01T00:00:00+00:00"}),
    ]
