"""Measurements against the running server, each beside what the machine itself can do.

One file per row, runnable alone: `python -m benchmarks.scep --help`; `make bench` runs all.
"""
