"""Starts the chaos run: see tests/chaos/run.py."""

import sys

from tests.chaos.run import main

if __name__ == "__main__":
	sys.exit(main())
