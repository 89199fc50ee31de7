"""Feast repositories as definitions of ours."""
