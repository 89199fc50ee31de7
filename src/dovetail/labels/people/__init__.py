"""The people of a project: how good, how tired, what they disagree on, what they earn.

Everything that is shown is computed from the answers themselves and from a few decisions that are
kept (who is invited, which items are gold, what a reviewer said), so nothing derived can be lost or
go stale. What needs numpy imports it when it is asked.
"""
