"""Laws that any implementation of a joint must pass, and sample data to try them on."""
