"""The composition: any set of pieces on one address, as `dovetail.toml` says.

Pieces are found through the `dovetail.pieces` entry point, so a stranger's piece enters by the
same door as ours.
"""
