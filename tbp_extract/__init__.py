"""Lesion crops and measures from 3D total-body photography."""

__version__ = "0.1.0"
