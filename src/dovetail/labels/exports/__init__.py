"""Snapshots: what a project's answers come to at one moment, kept unchanged under a name.

`deciding` makes one label of several answers, `making` writes the files, `tables` turns them into
what training code reads, `comparing` says what changed from one to the next.
"""

__all__: list[str] = []
