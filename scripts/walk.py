"""Starts the random walk of stock documents: see tests/walk/run.py."""

import sys

from tests.walk.run import main

if __name__ == "__main__":
	sys.exit(main())
