"""Label Studio's own templates are read as its own code reads them."""

from typing import Any

import pytest
from tests.compat.label_studio.reference import ask, needs_label_studio, templates

from dovetail.wire.label_studio.config import ConfigError, parse

pytestmark = [pytest.mark.compat, needs_label_studio]

PARSE = """
from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from label_studio_sdk.label_interface import LabelInterface
answer = {}
for name, xml in given.items():
    try:
        LabelInterface(xml).validate()
        answer[name] = parse_config(xml)
    except Exception as error:
        answer[name] = f"{type(error).__name__}: {error}"
"""


@pytest.fixture(scope="module")
def shipped() -> dict[str, str]:
    return templates()


def test_every_template_is_read_as_label_studio_reads_it(shipped):
    configs = shipped
    assert len(configs) > 40
    theirs = ask(PARSE, configs)
    ours: dict[str, Any] = {}
    for name, xml in configs.items():
        try:
            ours[name] = parse(xml).parsed_label_config()
        except ConfigError as error:
            ours[name] = f"refused: {error}"
    differing = {name: (ours[name], theirs[name]) for name in configs if ours[name] != theirs[name]}
    assert differing == {}


def test_no_template_has_an_unknown_tag(shipped):
    unknown = {name: parse(xml).unknown_tags for name, xml in shipped.items()}
    assert {name: tags for name, tags in unknown.items() if tags} == {}


REFUSED = {
    "toName": '<View><Choices name="a" toName="b"><Choice value="x"/></Choices></View>',
    "no labels": '<View><Text name="t" value="$t"/><Choices name="a" toName="t"/></View>',
    "twice": '<View><Text name="t" value="$t"/><Text name="t" value="$u"/></View>',
    "no value": '<View><Text name="t"/></View>',
    "xml": "<View><Text></View>",
    "entity": '<!DOCTYPE View [<!ENTITY a "b">]><View>&a;</View>',
}
VALIDATE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "label_studio.core.settings.label_studio")
sys.path.insert(0, os.path.dirname(__import__("label_studio").__file__))
import django
django.setup()
from label_studio.core.label_config import validate_label_config
answer = []
for name, xml in given.items():
    try:
        validate_label_config(xml)
    except Exception:
        answer.append(name)
"""


def test_what_label_studio_refuses_is_refused():
    assert ask(VALIDATE, REFUSED) == list(REFUSED)
    for xml in REFUSED.values():
        with pytest.raises(ConfigError):
            parse(xml)
