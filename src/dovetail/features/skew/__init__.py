"""Skew: what was served against what training would have computed for the same question.

`log` keeps a sample of what was asked and answered; `compare` computes the same again from the
tables and says where the two differ.
"""
