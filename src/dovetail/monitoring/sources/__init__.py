"""Tables as a source of predictions and outcomes, read again and again for what is new.

`settings` says which tables there are, `files` and `queries` read them, `rows` makes of their rows
what events would have said, and `reader` is the thread that does it all.
"""
