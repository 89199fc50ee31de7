"""Laws that any implementation of a joint must pass, twins in memory, and sample data."""
