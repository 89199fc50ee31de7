"""Frames as bytes."""

import pytest

from dovetail.wire.http2 import (
    Flag,
    Http2Error,
    Kind,
    Setting,
    frame,
    goaway,
    parse_settings,
    reset,
    settings,
    window_update,
    without_padding,
)


def test_frames_are_written_as_the_standard_says():
    assert frame(Kind.PING, Flag.ACK, 0, bytes(8)).hex() == "000008060100000000" + "00" * 8
    assert frame(Kind.DATA, 0, 1, b"x" * 70_000)[:9].hex() == "011170000000000001"
    assert window_update(3, 10).hex() == "0000040800000000030000000a"
    assert reset(5, Http2Error.REFUSED).hex() == "00000403000000000500000007"
    assert goaway(7, 0, "why").hex() == "00000b0700000000000000000700000000776879"


def test_settings_come_back():
    values = {Setting.MAX_FRAME_SIZE: 1 << 15, Setting.INITIAL_WINDOW_SIZE: 7, 99: 1}
    assert parse_settings(settings(values)[9:]) == values


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (bytes(5), Http2Error.FRAME_SIZE),
        (settings({Setting.INITIAL_WINDOW_SIZE: 1 << 31})[9:], Http2Error.FLOW_CONTROL),
        (settings({Setting.MAX_FRAME_SIZE: 5})[9:], Http2Error.PROTOCOL),
    ],
)
def test_settings_out_of_bounds_are_refused(payload, code):
    with pytest.raises(Http2Error) as caught:
        parse_settings(payload)
    assert caught.value.code == code


def test_padding_and_priority_are_taken_off():
    both = Flag.PADDED | Flag.PRIORITY
    assert without_padding(b"\x02" + bytes(5) + b"ab" + bytes(2), both) == b"ab"
    assert without_padding(b"\x00", Flag.PADDED) == b""
    for payload in (b"", b"\x05abc"):
        with pytest.raises(Http2Error):
            without_padding(payload, Flag.PADDED)
