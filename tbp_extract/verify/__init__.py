"""Check a finished run from its files alone."""

from tbp_extract.verify.checks import CHECKS, Failure, verify

__all__ = ["CHECKS", "Failure", "verify"]
