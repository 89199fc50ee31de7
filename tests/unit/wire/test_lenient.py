import math

import msgspec
import pytest

from dovetail.wire import lenient


class Point(msgspec.Struct):
    x: float = 0.0
    n: int = 0
    name: str | None = None


@pytest.mark.parametrize(
    ("body", "point"),
    [
        (b'{"x":1,"n":2}', Point(1.0, 2)),
        (b'{"x":"1.5","n":"2"}', Point(1.5, 2)),
        (b'{"x":Infinity}', Point(math.inf)),
        (b'{"x":"-Infinity"}', Point(-math.inf)),
        (b'{"x":null,"name":null}', Point()),
        (b'"{\\"n\\": 3}"', Point(n=3)),
        (b'{"other":1}', Point()),
        (b"", Point()),
    ],
    ids=["plain", "text", "bare", "spelled", "null", "quoted", "unknown", "empty"],
)
def test_a_message_is_read_as_clients_write_it(body, point):
    assert lenient.decode(body, Point) == point


def test_bare_nan_is_nan():
    assert math.isnan(lenient.decode(b'{"x": NaN}', Point).x)
    assert math.isnan(lenient.loads(b"[NaN]")[0])


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"x": NAN}',
        b"[" * 100_000,
        b'{"x":NaN,"y":' + b"[" * 600 + b"]" * 600 + b"}",
    ],
)
def test_what_is_no_json_or_beyond_reason_is_refused(body):
    with pytest.raises(msgspec.DecodeError):
        lenient.decode(body, Point)


@pytest.mark.parametrize("body", [b'{"n":"x"}', b'{"x":[]}', b"[]", b'{"name":5}'])
def test_what_does_not_fit_is_refused(body):
    with pytest.raises(msgspec.ValidationError):
        lenient.decode(body, Point)
