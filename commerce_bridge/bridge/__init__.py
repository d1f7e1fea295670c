"""The engine: knows the canonical model and the protocols, never Frappe, HTTP or a platform's name."""
