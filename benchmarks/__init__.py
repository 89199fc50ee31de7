"""Ours beside its peers, in one run on one machine.

`python -m benchmarks` runs `benchmarks/<piece>/bench.py` for each piece, or for those named; each
prints one JSON line a figure. `RESULTS.md` is written from those lines and never by hand.
"""
