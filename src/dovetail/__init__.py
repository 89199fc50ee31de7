"""Dovetail: the machine-learning life cycle as separate pieces joined by open protocols."""

__version__ = "0.1.0"
