"""Which texts can be kept at all."""

__all__ = ["is_broken"]


def is_broken(text: str) -> bool:
    """Tell whether a text has what no database takes: a NUL, or half a character."""
    if text.isascii():
        return "\0" in text
    return "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)
