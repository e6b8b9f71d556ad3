"""Damaged inputs: seeds, mutants, what a reader may make of them, and named odd files.

`benchmarks/fuzz.py` runs them in numbers, `tests/test_fuzz.py` a few.
"""
