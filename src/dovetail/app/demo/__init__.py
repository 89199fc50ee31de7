"""The demo: one real year of flights driven around the circle.

`dataset` reads the year, `definitions` says what its features are, `recipe` trains a model on
them, `mlmodel` writes that model the way MLflow expects, and `replay` yields the year hour by
hour. All of them are pure: they open no connection and keep no state.
"""
