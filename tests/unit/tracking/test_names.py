import re

from dovetail.tracking.names import random_name


def test_a_name_is_short_and_sayable() -> None:
    names = {random_name() for _ in range(500)}
    assert len(names) > 400
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d+", name) and len(name) <= 20 for name in names)
