"""Which version of a model answers: rules as data, what they do, and what is learnt from them.

`document` says what a rule is, `router` what it does with a request, `desk` how rules change.
"""
