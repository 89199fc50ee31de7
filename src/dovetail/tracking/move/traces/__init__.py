"""Traces on their way between stores, beside runs, logged models and the registry.

Their spans lie in tables or, from older clients, as a file among the artifacts of the trace; both
come over.
"""
