"""Shopify: the Admin GraphQL API out, webhooks in.

`client.py` sends every call; the GraphQL documents lie in `documents/`. What a call means is in a module each:
`orders.py`, `stock.py`, `shipments.py`, `catalog.py`, `setup.py`. `connector.py` joins them to the protocol.
"""
