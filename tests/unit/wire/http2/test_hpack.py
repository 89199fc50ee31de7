"""Headers as HPACK has them: the examples of RFC 7541, what we write, and what is malformed."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dovetail.wire.http2 import HeaderDecoder, Http2Error, encode_headers
from dovetail.wire.http2.huffman import decode

TEXTS = st.binary(max_size=300)

EXAMPLES = {
    "C.3, without Huffman": (
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ),
    "C.4, with Huffman": (
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ),
}
START = ((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"))
HOST = (b":authority", b"www.example.com")
MEANINGS = [
    (*START, HOST),
    (*START, HOST, (b"cache-control", b"no-cache")),
    (
        (b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/index.html"), HOST,
        (b"custom-key", b"custom-value"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("blocks", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_the_examples_of_the_standard(blocks):
    decoder = HeaderDecoder(4096)
    assert [decoder.decode(bytes.fromhex(block)) for block in blocks] == MEANINGS


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_what_is_written_is_read_back(headers):
    assert HeaderDecoder(1 << 20).decode(encode_headers(tuple(headers))) == tuple(headers)


def test_a_block_means_what_the_table_says_now():
    decoder = HeaderDecoder(4096)
    first, again = bytes.fromhex("4001610162"), bytes.fromhex("be")
    assert decoder.decode(first) == ((b"a", b"b"),)
    assert decoder.decode(again) == decoder.decode(again) == ((b"a", b"b"),)
    assert decoder.decode(bytes.fromhex("4001630164")) == ((b"c", b"d"),)
    assert decoder.decode(again) == ((b"c", b"d"),)


def test_a_table_that_was_made_smaller_forgets():
    decoder = HeaderDecoder(4096)
    decoder.decode(bytes.fromhex("4001610162"))
    decoder.decode(bytes.fromhex("20"))
    with pytest.raises(Http2Error, match="malformed"):
        decoder.decode(bytes.fromhex("be"))


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("80", id="entry 0"),
        pytest.param("be", id="an entry that is not there"),
        pytest.param("ffffffffffffff", id="a number without end"),
        pytest.param("400561", id="a text that is cut off"),
        pytest.param("40", id="nothing behind"),
        pytest.param("823f01", id="the table changes too late"),
        pytest.param("3fe2ffff7f", id="a table larger than was agreed"),
        pytest.param("00016184ffffffff", id="the end of the code within a text"),
        pytest.param("0001618100", id="padding that is not all ones"),
    ],
)
def test_what_is_malformed_is_refused(block):
    with pytest.raises(Http2Error, match="malformed") as caught:
        HeaderDecoder(4096).decode(bytes.fromhex(block))
    assert caught.value.code == Http2Error.COMPRESSION


def test_few_bytes_that_mean_many_are_refused():
    decoder = HeaderDecoder(8192)
    decoder.decode(b"\x40\x01a\x7f\x80\x1e" + b"x" * 3967)
    with pytest.raises(Http2Error, match="too large"):
        decoder.decode(b"\xbe" * 100)


@given(st.binary(max_size=40))
def test_any_bytes_are_text_or_refused(data):
    with contextlib.suppress(ValueError):
        decode(data)


@given(st.binary(max_size=60))
def test_any_block_is_read_or_refused(block):
    with contextlib.suppress(Http2Error):
        HeaderDecoder(4096).decode(block)
