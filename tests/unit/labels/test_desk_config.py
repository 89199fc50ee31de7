"""What the desk reads of a label config."""

from dovetail.labels.ui.desk_config import Asked, Header, Shown, desk_config_of


def test_tags_keep_their_order_and_a_header_names_the_control_after_it() -> None:
    made = desk_config_of(
        """<View><Header value="About $name"/><Header value="Mood?"/>
        <Choices name="mood" toName="text" choice="multiple">
          <Choice value="good" alias="g" hotkey="q" hint="happy"/><Choice value="bad"/>
        </Choices><Text name="text" value="$text"/></View>"""
    )
    header, control, shown = made.nodes
    assert header == Header(value="About $name", attrs={})
    assert isinstance(control, Asked)
    assert control.attrs == {"choice": "multiple", "title": "Mood?"}
    first, second = control.options
    assert (first.value, first.text, first.hotkey, first.hint) == ("g", "good", "q", "happy")
    assert (second.value, second.text) == ("bad", "")
    assert shown == Shown(name="text", tag="Text", value="$text", attrs={})


def test_what_the_desk_cannot_ask_is_named() -> None:
    made = desk_config_of(
        """<View><Image name="image" value="$image"/><Labels name="kind" toName="image">
        <Label value="A"/></Labels><Brush name="dab" toName="image"/>
        <Choices name="which" toName="image" apiUrl="http://elsewhere"/><Sparkle/></View>"""
    )
    assert [type(node).__name__ for node in made.nodes] == ["Shown"]
    assert made.unknown == ["Brush", "Choices", "Labels", "Sparkle"]


def test_options_come_from_the_data_or_hang_on_a_tree() -> None:
    made = desk_config_of(
        """<View><Text name="text" value="$text"/>
        <Choices name="which" toName="text" value="$options"/>
        <Taxonomy name="kind" toName="text"><Choice value="Animal"><Choice value="Cat"/></Choice>
        <Choice value="Plant"/></Taxonomy></View>"""
    )
    _, which, kind = made.nodes
    assert isinstance(which, Asked)
    assert (which.attrs["from"], which.options) == ("$options", [])
    assert isinstance(kind, Asked)
    assert [(one.value, one.text, one.path) for one in kind.options] == [
        ("Animal", "Animal", ["Animal"]),
        ("Animal / Cat", "Cat", ["Animal", "Cat"]),
        ("Plant", "Plant", ["Plant"]),
    ]
