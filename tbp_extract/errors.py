"""Everything that can go wrong, as one tree.

::

    TbpError
    ├── ConfigError    a setting or argument is wrong: nothing starts        (exit 2)
    ├── SourceError    SOURCE as a whole cannot be read: nothing starts      (exit 2)
    ├── OutputError    OUT cannot take this run                              (exit 2)
    ├── ScanError      one scan is bad: it is quarantined, the run goes on   (exit 3)
    ├── ReleaseError   something private would leave: the run stops          (exit 1)
    ├── CountError     found is not exported plus dropped: the run failed    (exit 1)
    └── WorkerError    no worker process can be kept: the run stops          (exit 1)

Messages end up in logs. They name settings, rows, columns and the role of a file ("the texture of
page 2"), never a path, a file name or anything about the patient.
"""

from enum import StrEnum

__all__ = [
    "ConfigError",
    "CountError",
    "OutputError",
    "ReleaseError",
    "ScanError",
    "ScanReason",
    "SourceError",
    "TbpError",
    "WorkerError",
]


class TbpError(Exception):
    """Base of all errors raised on purpose by this package."""


class ConfigError(TbpError):
    """A setting or a command-line argument is wrong."""


class SourceError(TbpError):
    """The source as a whole cannot be read."""


class OutputError(TbpError):
    """The output folder cannot take this run."""


class ReleaseError(TbpError):
    """Something that must not leave would have left."""


class CountError(TbpError):
    """Lesions were lost or doubled between finding and exporting."""


class WorkerError(TbpError):
    """No worker process can be started or kept."""


class ScanReason(StrEnum):
    """Why a scan was quarantined."""

    MESH_MISSING = "mesh_missing"
    MESH_UNREADABLE = "mesh_unreadable"
    MESH_EMPTY = "mesh_empty"
    MESH_NOT_FINITE = "mesh_not_finite"
    MESH_INDEX_OUT_OF_RANGE = "mesh_index_out_of_range"
    MESH_INSIDE_OUT = "mesh_inside_out"
    MESH_BROKEN = "mesh_broken"
    MESH_WITHOUT_AREA = "mesh_without_area"
    SCAN_PACKED = "scan_packed"
    FILE_CHANGED = "file_changed"
    MATERIAL_MISSING = "material_missing"
    MATERIAL_AMBIGUOUS = "material_ambiguous"
    TEXTURE_MISSING = "texture_missing"
    TEXTURE_UNREADABLE = "texture_unreadable"
    TEXTURE_UNSUPPORTED = "texture_unsupported"
    PATH_OUTSIDE_SCAN = "path_outside_scan"
    OVER_LIMIT = "over_limit"
    SCALE_UNKNOWN = "scale_unknown"
    SCALE_IMPLAUSIBLE = "scale_implausible"
    LESION_LIST_MISSING = "lesion_list_missing"
    LESION_LIST_UNUSABLE = "lesion_list_unusable"
    LESIONS_OFF_SURFACE = "lesions_off_surface"
    TILES_MISSING = "tiles_missing"
    TILE_TABLE_MISSING = "tile_table_missing"
    TILE_TABLE_UNUSABLE = "tile_table_unusable"
    TILE_TABLES_DIFFER = "tile_tables_differ"
    TILES_NOT_15_MM = "tiles_not_15_mm"
    PATIENT_ROW_MISSING = "patient_row_missing"
    DETECTOR_FAULT = "detector_fault"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_CRASHED = "worker_crashed"
    WORKER_KILLED = "worker_killed"
    """From outside the run: the one reason that may pass by itself."""

    INTERNAL = "internal"


_MOST_SHOWN = 500
"""Characters of a file's name in the quarantine table."""


class ScanError(TbpError):
    """One scan cannot be processed.

    Parameters
    ----------
    reason : ScanReason
        Fixed code, counted in the ledger.
    message : str
        One sentence: what was expected, what came, where, what to do.
    file : str, optional
        The file concerned, as the source names it. Private: it goes to the quarantine table only.
    """

    def __init__(self, reason: ScanReason, message: str, *, file: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.file = None if file is None else _writable(file)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way back from a worker process."""
        return _rebuild_scan_error, (self.reason, str(self), self.file)


def _writable(name: str) -> str:
    """Make a name out of a foreign file fit for a table: whole letters, no controls, an end."""
    start = name[:_MOST_SHOWN]
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
    return "".join(shown) + ("..." if len(name) > len(start) else "")


def _rebuild_scan_error(reason: ScanReason, message: str, file: str | None) -> ScanError:
    return ScanError(reason, message, file=file)
