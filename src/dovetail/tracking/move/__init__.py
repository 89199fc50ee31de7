"""Moves between our store and MLflow's: what is imported, exported, remembered and checked.

`records` has the two seams. MLflow over REST, its database and its `mlruns` folder are sources and
targets on one side, our own tables on the other; `Mover` carries records across, `Verifier` reads
them back.
"""

__all__: list[str] = []
