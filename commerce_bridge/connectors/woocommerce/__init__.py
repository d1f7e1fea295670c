"""WooCommerce: its REST API (wc/v3) out, webhooks in.

`client.py` sends every call. What a call means is in a module each: `orders.py`, `stock.py`, `shipments.py`,
`catalog.py`, `setup.py`. `facts.py` knows what was found out about the shop. `connector.py` joins them to the
protocol.
"""
