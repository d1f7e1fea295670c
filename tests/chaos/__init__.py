"""Faults on a real site, checked from outside by an oracle that shares no code with the app."""
