"""Exit codes and options that several commands share."""

from pathlib import Path

import click

__all__ = [
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_QUARANTINED",
    "EXIT_USAGE",
    "FILE",
    "FOLDER",
    "NEW",
    "config_option",
]

EXIT_FAILED, EXIT_USAGE, EXIT_QUARANTINED, EXIT_INTERRUPTED = 1, 2, 3, 130

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)

config_option = click.option(
    "--config", "config_path", type=FILE, help="Settings (TOML); see configs/."
)
