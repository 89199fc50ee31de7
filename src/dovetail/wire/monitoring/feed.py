"""Whether a model's payload log still arrives."""

from datetime import datetime

from msgspec import Struct


class Feed(Struct, frozen=True, kw_only=True):
    """The feed of one model.

    Attributes:
        model: The model.
        last: When a live prediction last arrived; None where none has, or only old ones.
        silent_at: When its silence will mean something; None where that is not known.
        stated_seconds: How long a rule lets it be silent; None where it is learnt.
    """

    model: str
    last: datetime | None = None
    silent_at: datetime | None = None
    stated_seconds: float | None = None
