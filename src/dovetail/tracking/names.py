"""Names for runs and logged models that were given none.

MLflow answers an unnamed run with something like `gentle-heron-412`: short, sayable, unlikely to
clash within an experiment. The words here are our own.
"""

import random

__all__ = ["random_name"]

_LONGEST = 20
_ADJECTIVES = (
    "able agile amber awake basic blithe bold brave breezy bright brisk calm candid chief civil "
    "clean clear clever cosmic crisp daring deft eager early earnest easy exact fair fancy fast "
    "fine firm fleet fond frank fresh gentle glad golden grand happy hardy hasty humble jolly "
    "keen kind large light lively loyal lucid lucky mellow merry mild modest neat nimble noble "
    "open patient placid plain polite proud quick quiet rapid ready robust rosy serene sharp "
    "silent simple smart smooth snug solid spry stable steady still sunny swift tidy tough "
    "upbeat useful vivid warm wise witty young zesty"
)
_LIVING = (
    "alder ant aspen badger bat bear beaver bee birch bison boar buck cat cedar clam cod colt "
    "coot crab crane cricket crow deer dove duck eagle eel elk elm falcon fawn fern finch fir "
    "flea fly foal fox frog gecko goat goose grebe gull hare hawk hen heron hornet horse ibex "
    "ibis jay kite koala lamb lark lemur lion llama lynx magpie mole moose moth mouse mule newt "
    "oak orca oriole otter owl ox panda perch pika pine plover pony puffin quail raven robin "
    "rook salmon seal shark sheep shrew skate sloth snail sparrow squid stork swan tern tiger "
    "toad trout vole wasp whale willow wolf wren yak"
)
_HOW, _WHO = _ADJECTIVES.split(), _LIVING.split()


def random_name() -> str:
    """Return an adjective, an animal or a tree, and a number, at most 20 characters.

    Example:
        >>> len(random_name().split("-"))
        3
    """
    bits = random.getrandbits(60)  # one call for three choices: every new run takes a name
    how, who = _HOW[(bits >> 40) % len(_HOW)], _WHO[(bits >> 20 & 0xFFFFF) % len(_WHO)]
    return f"{how}-{who}-{(bits & 0xFFFFF) % 1001}"[:_LONGEST]
