"""Runs the main job anywhere: an embedded ERP on SQLite and simulated storefronts. Never imported by the app."""
