"""The pages of the loop."""
