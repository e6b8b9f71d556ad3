"""Words for what is no lesion."""

import numpy as np

from tbp_extract.detect.blob.judge import _COLUMN, reasons_of
from tbp_extract.types import DropReason


def test_every_rejected_spot_gets_a_reason_of_the_vocabulary() -> None:
    features = np.random.default_rng(0).normal(0.0, 3.0, (200, len(_COLUMN))).astype(np.float32)
    reasons = reasons_of(features)
    assert len(reasons) == 200
    assert all(isinstance(reason, DropReason) for reason in reasons)
    assert len(set(reasons)) > 3
