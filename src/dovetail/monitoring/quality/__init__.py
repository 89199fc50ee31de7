"""Is the model still right: realised with late labels, estimated without, and evidence of change.

`Performance` is the door for jobs and notebooks; the service measures with the same code.
"""
