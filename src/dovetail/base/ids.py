"""Identifiers: unguessable enough to be unique, ordered enough to index well."""

import os
import time

__all__ = ["new_id"]


def new_id() -> str:
    """Return 32 lower-case hex digits: 48 bits of Unix milliseconds, then 80 random bits.

    The layout is that of UUID version 7 (RFC 9562, section 5.7) without its version bits, so ids
    made later sort later and B-tree pages fill in order.
    """
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
