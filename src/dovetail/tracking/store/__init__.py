"""State of the tracking server: tables and the statements on them. Knows no HTTP."""
