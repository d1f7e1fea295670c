"""Everything is declared in pyproject.toml; older tools look for this file."""

from setuptools import setup

setup()
