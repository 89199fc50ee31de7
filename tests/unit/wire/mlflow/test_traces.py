import pytest

from dovetail.wire.mlflow import duration_of, milliseconds_in, milliseconds_of, timestamp_of


@pytest.mark.parametrize("ms", [0, 1, 999, 1000, 1_795_792_202_359, 253_402_300_799_999])
def test_times_are_the_same_after_the_wire(ms: int) -> None:
    assert milliseconds_of(timestamp_of(ms)) == ms
    assert milliseconds_in(duration_of(ms)) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:00.5+01:00", 500),
        ("1970-01-01T00:00:00.123456789Z", 123),
    ],
)
def test_timestamps_are_read_in_every_form_of_protobuf(text: str, ms: int) -> None:
    assert milliseconds_of(text) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2020-01-01T00:00:00", "12"])
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|time zone"):
        milliseconds_of(text)


@pytest.mark.parametrize("text", ["", "5", "xs"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|convert"):
        milliseconds_in(text)
