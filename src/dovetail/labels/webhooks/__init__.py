"""Webhooks: what happened, told to the addresses that asked for it.

`outbox` queues a delivery in the transaction of the change, `courier` delivers in the background,
`payloads` writes the bodies, which are Label Studio's.
"""
