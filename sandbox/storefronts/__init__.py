"""Simulated shops that behave as the real ones were observed to."""
