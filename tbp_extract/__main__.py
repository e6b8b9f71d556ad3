"""``python -m tbp_extract`` is ``tbp-extract``."""

from tbp_extract.cli import main

if __name__ == "__main__":
    main()
