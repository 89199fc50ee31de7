"""Inference graphs in process: several models behind one name, without a queue or a cluster.

`document` says what a graph is, `run` asks its steps, `desk` keeps the graphs of a server.
"""
