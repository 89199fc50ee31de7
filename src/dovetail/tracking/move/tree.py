"""The artifacts of one thing that is moved: where they are, where they go, what stays behind."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dovetail.tracking.move.files import File

__all__ = ["Tree"]


class Tree:
    """The artifacts of one run, logged model or trace on their way.

    Args:
        source_uri: where they are.
        uri: where they are to lie.
    """

    def __init__(self, source_uri: str, uri: str) -> None:
        self.source_uri, self.uri = source_uri, uri
        self.is_moved = True
        self.files: list[File] = []
        self.passed_over: list[str] = []
