"""Features found by words: in what they are called, mean, and belong to."""

from collections.abc import Iterable, Sequence

from dovetail.features.catalogue.entry import Entry

__all__ = ["search"]


def search(among: Iterable[Entry], words: str | Sequence[str]) -> list[Entry]:
    """Return the features in which every word occurs, the best first.

    A word counts most as the name of the feature, then within it, then in the name of the view, in
    owner, tags, keys, source and services, then in descriptions. Case does not matter.

    Args:
        among: The features to look through.
        words: Words, or a text of words; without any, all features are returned.
    """
    parts = words.split() if isinstance(words, str) else [w for text in words for w in text.split()]
    wanted = [word.casefold() for word in parts]
    scored = [(_score(entry, wanted), at, entry) for at, entry in enumerate(among)]
    return [entry for score, _, entry in sorted(scored, key=_rank) if score or not wanted]


def _rank(found: tuple[int, int, Entry]) -> tuple[int, int]:
    return -found[0], found[1]


def _score(entry: Entry, words: Sequence[str]) -> int:
    """Return how well all words fit; 0 if one of them occurs nowhere."""
    fields = (
        (8, entry.name),
        (6, entry.reference),
        (4, entry.view),
        (2, " ".join((entry.owner, entry.source, entry.table, *entry.keys, *entry.services))),
        (2, " ".join(f"{name}={value} {name}:{value}" for name, value in entry.tags.items())),
        (1, f"{entry.description} {entry.meaning.text} {entry.kind}"),
    )
    total = 0
    for word in words:
        held = [
            weight * (2 if text.casefold() == word else 1)
            for weight, text in fields
            if word in text.casefold()
        ]
        if not held:
            return 0
        total += max(held)
    return total
