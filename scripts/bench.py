"""Starts the measurements: see tests/benchmark/run.py."""

import sys

from tests.benchmark.run import main

if __name__ == "__main__":
	sys.exit(main())
