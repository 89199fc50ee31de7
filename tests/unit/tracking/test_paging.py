import base64

import pytest

from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.paging import offset_of, page, token_of


def test_a_token_leads_back_to_its_offset() -> None:
    assert [offset_of(token_of(offset)) for offset in (0, 1, 12345)] == [0, 1, 12345]


def test_the_token_is_mlflows() -> None:
    assert base64.b64decode(token_of(7)) == b'{"offset": 7}'


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("x", "Invalid page token, could not base64-decode"),
        (base64.b64encode(b"no json").decode(), "Invalid page token, decoded value=b'no json'"),
        (base64.b64encode(b'{"o": 1}').decode(), "Invalid page token, parsed value={'o': 1}"),
        (base64.b64encode(b'{"offset": -1}').decode(), "Invalid page token, parsed value="),
        (base64.b64encode(b"[]").decode(), "Invalid page token, parsed value=[]"),
    ],
)
def test_a_foreign_token_is_refused(token: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        offset_of(token)
    assert str(caught.value).startswith(message)


def test_a_page_says_whether_there_is_another() -> None:
    assert page([1, 2], 0, 2) == ([1, 2], None)
    assert page([1, 2, 3], 4, 2) == ([1, 2], token_of(6))
