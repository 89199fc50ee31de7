"""Universal Binary JSON is read within its bounds."""

import numpy as np
import pytest

from dovetail.serving.formats.ubjson import UbjsonError, read_ubjson


def test_every_kind_of_value():
    found = read_ubjson(
        b"{i\x01ai\xffU\x01bU\xffi\x01cI\x01\x00i\x01dl\x00\x01\x00\x00i\x01eZi\x01fTi\x01gF"
        b"i\x01hSi\x02hii\x01id\x3f\x80\x00\x00i\x01jCxi\x01k[Ti\x01]i\x01l[#i\x01T}"
    )
    assert found == {
        "a": -1, "b": 255, "c": 256, "d": 65536, "e": None, "f": True, "g": False,
        "h": "hi", "i": 1.0, "j": "x", "k": [True, 1], "l": [True],
    }  # fmt: skip


def test_numbers_of_one_type_are_an_array_in_the_order_of_this_machine():
    found = read_ubjson(b"[$d#i\x02\x3f\x80\x00\x00\x40\x00\x00\x00")
    assert found.dtype == np.float32
    assert found.tolist() == [1.0, 2.0]


DAMAGED = {
    "nothing": b"",
    "no such type": b"q",
    "an object without an end": b"{i\x01aT",
    "a text longer than the file": b"SL\x7f\xff\xff\xff\xff\xff\xff\xff",
    "an array longer than the file": b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff",
    "a negative length": b"Si\xff",
    "a length that is no number": b"SSi\x01a",
    "not UTF-8": b"Si\x01\xff",
    "an array of objects": b"[${#i\x01",
    "too deep": b"[" * 100,
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_damaged_is_refused(data):
    with pytest.raises(UbjsonError):
        read_ubjson(data)
