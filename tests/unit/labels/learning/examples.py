"""Small worlds to learn from: comments whose words tell the class, and a label config for them."""

import numpy as np

from dovetail.labels.learning import Answered, Said

CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
</View>"""
_WORDS = {
    "good": ["lovely", "great", "superb", "delightful", "charming", "excellent"],
    "bad": ["awful", "dreadful", "broken", "horrid", "useless", "dull"],
}
_FILLER = ["the", "film", "was", "and", "it", "with", "some", "people", "there", "in", "a", "scene"]


def comments(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Pairs of a text and its class."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        mood = str(rng.choice(["good", "bad"]))
        words = [*rng.choice(_FILLER, 8), *rng.choice(_WORDS[mood], 2)]
        rng.shuffle(words)
        found.append((" ".join(words), mood))
    return found


def choice(label: str, control: str = "mood") -> list[dict[str, object]]:
    """A result that takes one label."""
    value = {"choices": [label]}
    return [{"from_name": control, "to_name": "text", "type": "choices", "value": value}]


def answered(pairs: list[tuple[str, str]], who: str = "ann") -> list[Answered]:
    """Tasks that one person answered."""
    return [Answered({"text": text}, [Said(who, choice(mood))]) for text, mood in pairs]
