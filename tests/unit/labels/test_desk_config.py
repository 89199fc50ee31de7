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
        <Choices name="which" toName="image" value="$options"/><Sparkle/></View>"""
    )
    assert [type(node).__name__ for node in made.nodes] == ["Shown"]
    assert made.unknown == ["Brush", "Choices", "Labels", "Sparkle"]
