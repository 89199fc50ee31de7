"""What a repository says of one version of a model beyond its files, kept beside the copy.

MLServer's `model-settings.json` and Triton's `config.pbtxt` both become a `Card`, so the rest of
the server knows neither. A kept version is a folder with `card.json` and, in `content`, the model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from dovetail.serving.errors import BadModelError
from dovetail.serving.files import digest_of

__all__ = [
    "Batching",
    "Card",
    "Declared",
    "Fil",
    "Placed",
    "asked",
    "content_digest",
    "content_of",
    "read_card",
]

_CARD, _CONTENT, _KEPT = "card.json", "content", "kept"


class Declared(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tensor as a repository's configuration declares it."""

    name: str
    """The name that clients use."""

    datatype: str
    """The protocol's name of the element type."""

    shape: tuple[int, ...]
    """Sizes by axis as clients see them; -1 where any size fits."""

    reshape: tuple[int, ...] | None = None
    """The shape that the model itself takes or gives; None where it is the same."""


class Batching(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a configuration asks for of batches and queues; None where it says nothing."""

    batch_rows: int | None = None
    """Rows of a joint call at most."""

    delay_s: float | None = None
    """Seconds to wait for more requests."""

    queue: int | None = None
    """Requests that wait at most."""

    timeout_s: float | None = None
    """Seconds after which a waiting request is refused."""


class Fil(msgspec.Struct, frozen=True, kw_only=True):
    """What Triton's backend for forests is told to answer with."""

    classes: bool
    """Whether the model is a classifier."""

    probabilities: bool
    """Whether a classifier gives each class's probability, not the class."""

    threshold: float = 0.5
    """From which probability on a row of two classes is of the second."""


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be known of a version beyond its files."""

    layout: str
    """"mlserver", "triton" or "plain"."""

    format: str = ""
    """The format that the configuration says; empty leaves it to the files."""

    platform: str = ""
    """The platform that the metadata shows; empty shows what runs it."""

    inputs: tuple[Declared, ...] = ()
    outputs: tuple[Declared, ...] = ()
    batching: Batching = Batching()
    fil: Fil | None = None


@dataclass(frozen=True)
class Placed:
    """A version that a repository holds.

    Attributes:
        name: the model.
        version: the version.
        source: the file or folder that is loaded.
        card: what the configuration says.
        fetch: copies the source to a path.
        uri: where it lies, all links followed, as a `file:` URL.
        ignored: settings that have no meaning here.
        problem: why it cannot be loaded; empty if nothing is known against it.
        fix: what to do about that.
    """

    name: str
    version: str
    source: Path
    card: Card
    fetch: Callable[[Path], None]
    uri: str
    ignored: tuple[str, ...] = field(default=())
    problem: str = ""
    fix: str = ""

    def write(self, target: Path) -> None:
        """Copy the model and its card into a folder.

        Raises:
            BadModelError: it cannot be loaded, and why.
        """
        if self.problem:
            raise BadModelError(self.source, self.problem, fix=self.fix)
        kept = target / _KEPT
        (kept / _CONTENT).mkdir(parents=True)
        self.fetch(kept / _CONTENT)
        (kept / _CARD).write_bytes(msgspec.json.encode(self.card))


def read_card(path: Path) -> Card | None:
    """Return the card of a kept version; None for one that came without.

    Raises:
        BadModelError: the card is damaged.
    """
    file = path / _CARD
    if path.name != _KEPT or not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=Card)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadModelError(path, f"its card cannot be read: {error}") from error


def asked(path: Path) -> dict[str, Any]:
    """Return what a kept version asks of batches and queues, by the names of `limits.Limits`."""
    card = read_card(path)
    return msgspec.structs.asdict(card.batching) if card is not None else {}


def content_digest(path: Path) -> str:
    """Return the digest of a kept version's files, without its card."""
    return digest_of(path / _CONTENT)


def content_of(path: Path) -> Path:
    """Return the model's own file or folder inside a kept version."""
    content = path / _CONTENT
    names = sorted(content.iterdir()) if content.is_dir() else []
    return names[0] if len(names) == 1 else content
