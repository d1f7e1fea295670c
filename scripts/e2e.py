"""Starts the end-to-end run: see tests/e2e/run.py."""

import sys

from tests.e2e.run import main

if __name__ == "__main__":
	sys.exit(main())
