"""Is the model still right: drift, estimated and realised performance, alarms that hold a budget.

The piece takes in what serving logs and what came true later, both as CloudEvents, and answers
how each version of a model does. Use it as a server (`dovetail monitoring run`) or without one:
`Reference` and `Monitor` work on columns in memory.
"""
