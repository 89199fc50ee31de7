"""Routing within the labelling server: policies, sources, their answers, and the report."""
