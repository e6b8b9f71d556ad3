"""Check a finished run from its files alone."""

from tbp_extract.verify.checks import CHECKS, Failure, verify
from tbp_extract.verify.dicom import dicom_faults

__all__ = ["CHECKS", "Failure", "dicom_faults", "verify"]
