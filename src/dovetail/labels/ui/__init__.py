"""The labels piece in a browser: projects, the desk where people label, items to be looked at."""
