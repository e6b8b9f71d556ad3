"""Make the sample scans: ``python -m tbp_extract.phantom FOLDER``."""

import sys
from pathlib import Path

from tbp_extract.phantom.samples import make_samples

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tbp_extract.phantom FOLDER")
    make_samples(Path(sys.argv[1]))
