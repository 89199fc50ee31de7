"""The online side: what is known of each key, in memory for speed and in SQL to keep."""
