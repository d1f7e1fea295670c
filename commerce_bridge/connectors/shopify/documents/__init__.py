"""The GraphQL documents, one module for each part of the connector.

Each is a module constant whose name is upper case and whose text holds one operation. A test validates all of
them against the schema of every supported API version.
"""
