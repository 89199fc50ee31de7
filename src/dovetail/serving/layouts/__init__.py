"""Folders of models as other servers lay them out: MLServer's, Triton's, or just files.

`catalog` finds models; `mlserver`, `triton` and `plain` each read one layout into a `card.Placed`;
`dress` puts a loaded model behind what its configuration declares; `keeper` loads them at start
and looks again.
"""
