"""Label configs: what is read, what is refused and with what words, and hostile XML."""

import time

import pytest

from dovetail.wire.label_studio.config import ConfigError, LabelConfig, parse
from dovetail.wire.label_studio.tree import MAX_BYTES, MAX_DEPTH

MOOD = """<View>
  <Header value="How does it sound?"/>
  <Text name="text" value="$comment"/>
  <Choices name="mood" toName="text" choice="multiple" required="true">
    <View style="display: flex">
      <Choice value="good" hotkey="1" alias="pos"/>
      <Choice value="bad" hotkey="2" background="#f00"/>
    </View>
  </Choices>
  <Labels name="ner" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>
</View>"""


def view(*tags: str) -> str:
    return "<View>\n" + "\n".join(tags) + "\n</View>"


TEXT = '<Text name="text" value="$text"/>'


def test_controls_and_objects_are_read():
    config = parse(MOOD)
    mood, text = config.controls["mood"], config.objects["text"]
    assert (mood.tag, mood.type, mood.kind, mood.to_names) == (
        "Choices", "choices", "classes", ("text",),
    )  # fmt: skip
    assert (mood.multiple, mood.required, mood.dynamic) == (True, True, False)
    assert mood.classes == ("pos", "bad")
    assert [(label.value, label.hotkey) for label in mood.labels] == [("good", "1"), ("bad", "2")]
    assert mood.labels[1].background == "#f00"
    assert config.controls["ner"].kind == "spans"
    assert (text.tag, text.field, text.is_list) == ("Text", "comment", False)
    assert config.main_control() is mood
    assert config.unknown_tags == ()
    assert config.notes == ()


def test_labels_are_shown_as_label_studio_shows_them():
    assert parse(MOOD).parsed_label_config() == {
        "mood": {
            "type": "Choices",
            "to_name": ["text"],
            "inputs": [{"type": "Text", "valueType": None, "value": "comment"}],
            "labels": ["pos", "bad"],
            "labels_attrs": {
                "pos": {"value": "good", "hotkey": "1", "alias": "pos"},
                "bad": {"value": "bad", "hotkey": "2", "background": "#f00"},
            },
        },
        "ner": {
            "type": "Labels",
            "to_name": ["text"],
            "inputs": [{"type": "Text", "valueType": None, "value": "comment"}],
            "labels": ["PER", "ORG"],
            "labels_attrs": {"PER": {"value": "PER"}, "ORG": {"value": "ORG"}},
        },
    }


def test_numbers_and_ratings_have_bounds():
    number = '<Number name="n" toName="text" min="0" max="10" step="0.5"/>'
    stars = '<Rating name="r" toName="text" maxRating="7"/><Rating name="s" toName="text"/>'
    found = parse(view(TEXT, number, stars)).controls
    assert (found["n"].minimum, found["n"].maximum, found["n"].step) == (0.0, 10.0, 0.5)
    assert (found["r"].minimum, found["r"].maximum) == (1.0, 7.0)
    assert found["s"].maximum == 5.0


def test_a_taxonomy_nests():
    tree = """<Taxonomy name="t" toName="text">
      <Choice value="Animal"><Choice value="Cat"/><Choice value="Dog"/></Choice>
      <Choice value="Plant"/>
    </Taxonomy>"""
    control = parse(view(TEXT, tree)).controls["t"]
    assert [label.value for label in control.labels] == ["Animal", "Plant"]
    assert [label.value for label in control.labels[0].children] == ["Cat", "Dog"]
    assert control.classes == ("Animal", "Cat", "Dog", "Plant")


def test_pairs_and_rankings_refer_to_their_objects():
    pair = '<Text name="a" value="$a"/><Text name="b" value="$b"/><Pairwise name="p" toName="a,b"/>'
    rank = """<List name="list" value="$items" title="Answers"/>
      <Ranker name="rank" toName="list"><Bucket name="best" title="Best"/></Ranker>"""
    config = parse(view(pair, rank))
    assert config.controls["p"].to_names == ("a", "b")
    assert config.controls["rank"].kind == "ranking"
    assert list(config.controls) == ["p", "rank"]
    assert config.fields == ("a", "b", "items")


def test_unknown_tags_are_kept_and_named():
    odd = '<Hologram name="h" value="$cube"/><Grab name="g" toName="h" force="3"/><Sparkle/>'
    config = parse(view(odd))
    assert config.unknown_tags == ("Grab", "Hologram", "Sparkle")
    assert config.controls["g"].kind == "other"
    assert config.controls["g"].attributes == {"name": "g", "toName": "h", "force": "3"}
    assert config.objects["h"].field == "cube"
    assert config.xml == view(odd)
    assert config.notes[0] == "<Grab> is not a known tag: it is kept, and not shown."


def test_a_repeated_control_is_found_by_its_number():
    config = parse(
        view(
            '<Repeater on="$pages" indexFlag="{{idx}}">',
            '<Image name="page_{{idx}}" value="$pages[{{idx}}]"/>',
            '<Choices name="kind_{{idx}}" toName="page_{{idx}}"><Choice value="x"/></Choices>',
            "</Repeater>",
        )
    )
    found = config.control("kind_12")
    assert found is not None
    assert found.name == "kind_{{idx}}"
    assert config.control("kin_12") is None
    assert config.missing_fields({"pages": []}) == ()


def test_an_empty_config_has_no_controls():
    config = parse("<View></View>")
    assert (config.controls, config.objects, config.main_control()) == ({}, {}, None)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("$text", "text"), ("$First name", "First name"), ("https://x/$id.png", "id"),
        ("Read this", ""), ("$page.title", "page.title"),
    ],
)  # fmt: skip
def test_the_field_of_an_object(value, field):
    assert parse(view(f'<Text name="t" value="{value}"/>')).objects["t"].field == field


def test_what_a_task_lacks_is_named():
    config = parse(view(TEXT, '<Image name="i" value="$image"/>'))
    assert config.missing_fields({"text": "a", "more": 1}) == ("image",)


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (
            view('<Choices name="a" toName="nope"><Choice value="x"/></Choices>'),
            "line 2: Choices 'a' has toName='nope', and no tag has that name. The names are: a. "
            "Write the name of the tag that it is about, or add one named 'nope'.",
        ),
        (
            view(TEXT, '<Choices name="a" toName="text"/>'),
            "line 3: Choices 'a' offers nothing to choose. There is no <Choice> within it. Add "
            '<Choice value="..."/> for each answer, or value="$field" on Choices.',
        ),
        (
            view(TEXT, TEXT),
            "line 3: Text has the name 'text', which Text in line 2 has. Results are told apart "
            "by the name of the tag. Give one of them another name, such as name=\"text2\".",
        ),
        (
            view('<Text name="text"/>'),
            "line 2: Text 'text' has no value. It shows a field of each task's data, and "
            'controls refer to it by name. Write <Text name="text" value="$text"/>.',
        ),
        (
            view(TEXT, '<Choices name="a" toname="text"><Choice value="x"/></Choices>'),
            "line 3: Choices 'a' has no toName. Toname is written for toName. Write "
            '<Choices name="..." toName="name of what it is about">.',
        ),
        (
            view(TEXT, '<Number name="a" toName="text" max="ten"/>'),
            "line 3: Number 'a' has max='ten', which is no number. "
            'Write it with digits: max="10".',
        ),
        (
            "<View>\n  <Text>\n</View>",
            "line 3: column 3: the config is not well-formed XML: mismatched tag. Close every "
            'tag, quote every value, and write &amp; for "&" and &lt; for "<".',
        ),
        ("  ", "the config is empty. Begin with <View> and end with </View>."),
    ],
    ids=["toName", "no-labels", "twice", "no-value", "case", "number", "xml", "empty"],
)  # fmt: skip
def test_a_fault_is_said_with_cause_and_remedy(xml, said):
    with pytest.raises(ConfigError) as fault:
        parse(xml)
    assert str(fault.value) == said


LAUGHS = '<!ENTITY l0 "lol">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
)
HOSTILE = {
    "laughs": f"<!DOCTYPE View [{LAUGHS}]><View><Header value='&l9;'/></View>",
    "file": '<!DOCTYPE View [<!ENTITY x SYSTEM "file:///etc/passwd">]><View>&x;</View>',
    "parameter": '<!DOCTYPE View [<!ENTITY % x SYSTEM "http://127.0.0.1/x"> %x;]><View/>',
    "remote": '<!DOCTYPE View SYSTEM "http://127.0.0.1:1/evil.dtd"><View/>',
    "quadratic": f'<!DOCTYPE View [<!ENTITY x "{"x" * 50_000}">]><View>{"&x;" * 50_000}</View>',
    "undeclared": "<View>&x;</View>",
    "deep": "<View>" * 100_000 + "</View>" * 100_000,
    "many": "<View>" + "<Choice/>" * 60_000 + "</View>",
    "large": "<View>" + "x" * MAX_BYTES + "</View>",
    "surrogate": "<View>\ud800</View>",
    "zero": "<View>\0</View>",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_xml_is_refused_at_once(kind):
    began = time.process_time()
    with pytest.raises(ConfigError):
        parse(HOSTILE[kind])
    assert time.process_time() - began < 0.5


def test_a_config_may_be_as_deep_as_is_allowed():
    deep = "<View>" * MAX_DEPTH + "</View>" * MAX_DEPTH
    assert isinstance(parse(deep), LabelConfig)


def test_ten_thousand_labels_are_read_quickly():
    choices = "".join(f'<Choice value="c{n}"/>' for n in range(10_000))
    began = time.process_time()
    config = parse(view(TEXT, f'<Choices name="c" toName="text">{choices}</Choices>'))
    assert len(config.controls["c"].classes) == 10_000
    assert time.process_time() - began < 1
