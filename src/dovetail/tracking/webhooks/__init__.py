"""Events of the registry, sent to the addresses that asked for them.

`outbox` writes a delivery in the transaction of the change, `courier` sends it in the background,
`sender` makes one attempt, `policy` says which addresses may be called, `dovetail.base.vault`
keeps the secrets.
"""
