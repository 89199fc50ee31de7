"""Identifiers: unguessable enough to be unique, ordered enough to index well."""

import os
import time

__all__ = ["new_id"]

_NS = 1_000_000
_last = 0


def new_id() -> str:
    """Return 32 lower-case hex digits: 68 bits of the time, then 60 random bits.

    The time is 48 bits of Unix milliseconds and 20 bits of nanoseconds within them. The layout is
    that of UUID version 7 (RFC 9562, section 6.2, method 3) without its version bits. An id that a
    thread makes after another sorts after it, even where the clock stands still or is set back, so
    B-tree pages fill in order and what is made first is listed first.
    """
    global _last  # without a lock, which a fork could leave held: a race costs order, not the id
    tick = _last = max(time.time_ns(), _last + 1)
    ms, ns = divmod(tick, _NS)
    return f"{ms:012x}{ns:05x}{os.urandom(8).hex()[1:]}"
