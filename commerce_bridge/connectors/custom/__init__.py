"""The custom storefront: the reference connector, for shops that speak our own contract.

The contract is described for storefront developers in docs/custom-storefront-api.md; its models are in
`mapper.py` (what comes) and `messages.py` (what goes), and the JSON Schema is generated from them.
"""
