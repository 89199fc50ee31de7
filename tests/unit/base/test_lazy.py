"""Names of a package that are imported when they are first used."""

import json
import subprocess
import sys

import pytest

from dovetail.base.lazy import lazy


def test_a_name_is_found_where_it_lies():
    assert lazy("json", {"JSONDecoder": "decoder"})("JSONDecoder") is json.JSONDecoder


def test_a_name_that_is_not_shown_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"module 'json' has no attribute 'Nothing'"):
        lazy("json", {"JSONDecoder": "decoder"})("Nothing")


@pytest.mark.parametrize("first", ["labels.combine", "labels.find_issues", "labels.Votes"])
def test_a_function_is_shown_whatever_was_imported_before(first):
    program = (
        "import sys\nfrom dovetail import labels\nassert 'numpy' not in sys.modules\n"
        f"assert {first}\nfrom dovetail.labels import combining, audit, routing\n"
        "assert callable(labels.combine) and callable(audit.audit) and callable(routing.need)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
