"""Where everything lies in an output folder."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["OutLayout"]


@dataclass(frozen=True, slots=True)
class OutLayout:
    """Places in OUT: ``release/`` may be published, ``private/`` never leaves, ``work/`` goes."""

    root: Path

    @property
    def release(self) -> Path:
        """All that may be published."""
        return self.root / "release"

    @property
    def images(self) -> Path:
        """Finished shards."""
        return self.release / "images"

    @property
    def manifest(self) -> Path:
        """Written last: where it is, the release is complete."""
        return self.release / "manifest.json"

    @property
    def work(self) -> Path:
        """Scans and shards in the making. Private."""
        return self.root / "work"

    @property
    def private(self) -> Path:
        """For the owner alone."""
        return self.root / "private"

    @property
    def key(self) -> Path:
        """The release key, unless one was given."""
        return self.private / "key"

    @property
    def linkage(self) -> Path:
        """From released ids back to the source."""
        return self.private / "linkage.csv"

    @property
    def quarantine(self) -> Path:
        """Scans that could not be processed, and why."""
        return self.private / "quarantine.csv"

    @property
    def dropped(self) -> Path:
        """Lesions that are not in the release, and why."""
        return self.private / "dropped.csv"

    @property
    def review(self) -> Path:
        """Crops that were held back, with reasons: what a reviewer copies and fills in."""
        return self.private / "review.csv"

    @property
    def decisions(self) -> Path:
        """What a reviewer said; only ever read."""
        return self.private / "decisions.csv"

    @property
    def tombstones(self) -> Path:
        """Keyed digests of patients who asked to be forgotten."""
        return self.private / "forgotten"

    @property
    def risk(self) -> Path:
        """What the release still tells, for the data officer."""
        return self.private / "risk.md"

    @property
    def lock(self) -> Path:
        """Held by the run that works here."""
        return self.private / "lock"

    @property
    def log(self) -> Path:
        """What happened, in pseudonyms."""
        return self.private / "log.txt"

    @property
    def ledger(self) -> Path:
        """One row a scan: where it stands."""
        return self.private / "ledger.sqlite"

    @property
    def attachments(self) -> Path:
        """Further private files of scans, such as crops that were held back."""
        return self.private / "attachments"

    @property
    def records(self) -> Path:
        """What is known of each finished scan but its crops."""
        return self.private / "scans"

    def record(self, scan: str) -> Path:
        """Record of a finished scan."""
        return self.records / f"{scan}.record"

    def crops(self, scan: str) -> Path:
        """Crops of a finished scan, one after another, until they are in the release."""
        return self.work / f"{scan}.crops"

    def shard(self, name: str) -> Path:
        """Images of a shard in the making."""
        return self.work / f"{name}.hdf5"

    def finished_shard(self, name: str) -> Path:
        """Images of a shard in the release."""
        return self.images / f"{name}.hdf5"
