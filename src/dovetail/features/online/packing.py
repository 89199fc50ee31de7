"""What the values of a shared store are called and how they are written.

One value holds all that a view knows of one key. Its name holds a mark of the view's definition:
a view that is defined anew begins with nothing rather than with rows of another shape.
"""

import hashlib
from collections.abc import Hashable
from typing import Any

import msgspec

from dovetail.features.online.intents import Intent
from dovetail.features.online.progress import Progress
from dovetail.features.store import Freshness, key_text
from dovetail.features.views import View, WindowView

__all__ = [
    "EPOCH",
    "Account",
    "account",
    "ledger_name",
    "name_of",
    "pack",
    "unpack",
    "view_prefix",
]

EPOCH = "epoch"
"""The value that is there as long as the store has not been emptied."""


class Account(msgspec.Struct, kw_only=True):
    """What is remembered of a source beside its rows.

    Attributes:
        fresh: How far it came.
        order: Counts writes; the later of two rows that cannot be told apart stands.
        known: How many keys of each view have a value.
        samples: Keys and features of one row of each LatestView.
        progress: How far materialising came, by view.
        until: Until when each view was materialised.
        intents: Pushes to a table and online that are not over, by their names.
    """

    fresh: Freshness = Freshness()
    order: int = 0
    known: dict[str, int] = {}
    samples: dict[str, dict[str, Any]] = {}
    progress: dict[str, Progress] = {}
    until: dict[str, int] = {}
    intents: dict[str, Intent] = {}


_ENCODER = msgspec.msgpack.Encoder()
_ACCOUNT = msgspec.msgpack.Decoder(Account)


def pack(value: Any) -> bytes:
    """Write a value."""
    return _ENCODER.encode(value)


def unpack(packed: bytes) -> Any:
    """Read the state of a key."""
    return msgspec.msgpack.decode(packed)


def account(packed: bytes | None) -> Account:
    """Read what is remembered of a source."""
    return Account() if packed is None else _ACCOUNT.decode(packed)


def view_prefix(view: View) -> str:
    """Return what the names of a view's values begin with."""
    source = view.source
    shape: tuple[Any, ...] = (view.keys, source.id_columns, *source.time_columns, view.where)
    shape += (source.where, sorted(source.derive.items()))
    if isinstance(view, WindowView):
        shape += (view.tile_us, view.measures, view.most_events)
    else:
        shape += (view.feature_names,)
    mark = hashlib.blake2b(repr(shape).encode(), digest_size=4).hexdigest()
    return f"{view.name}@{mark}:"


def name_of(prefix: str, key: Hashable) -> str:
    """Return the name of what a view knows of a key; 1, 1.0 and true are one key."""
    return prefix + key_text(_plain(key))


def ledger_name(source: str) -> str:
    """Return the name of what is remembered of a source."""
    return f"source:{source}"


def _plain(key: Any) -> Any:
    if isinstance(key, tuple):
        return [_plain(one) for one in key]
    if isinstance(key, bool) or (isinstance(key, float) and key.is_integer()):
        return int(key)
    return key
