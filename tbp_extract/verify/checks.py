"""All checks of a finished run, in order, each by its name.

Each is a small generator of sentences over `Evidence`, independent of the others and of the code
that writes. A sentence names files and columns of the release, never anything private.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tbp_extract.verify import crops, manifest, private, search, tables, tree, values
from tbp_extract.verify.challenge import CHALLENGE_CHECKS
from tbp_extract.verify.evidence import Evidence

__all__ = ["CHECKS", "Check", "Failure", "verify"]

Check = Callable[[Evidence], Iterator[str]]

CHECKS: Final[Mapping[str, Check]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        tree.check_tree,
        tree.check_links,
        tree.check_extended_attributes,
        tree.check_modes,
        tree.check_times,
        manifest.check_manifest,
        manifest.check_hashes,
        manifest.check_settings,
        manifest.check_counts,
        crops.check_shards,
        crops.check_crops,
        crops.check_ids,
        crops.check_order,
        tables.check_columns,
        tables.check_dictionary,
        tables.check_parquet,
        tables.check_csv,
        tables.check_same_tables,
        values.check_vocabulary,
        values.check_ranges,
        values.check_precision,
        values.check_ages,
        values.check_policies,
        values.check_texts,
        private.check_linkage,
        private.check_pairing,
        private.check_pseudonyms,
        private.check_records,
        search.check_private_values,
        search.check_log,
        tree.check_private_modes,
    )
}
"""By name; what each expects is the first line of its docstring."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is wrong with a run's output."""

    check: str
    """Name of the check."""

    sentence: str
    """What was expected and what was found."""


def verify(out: Path, key_path: Path | None = None) -> tuple[Failure, ...]:
    """Check hashes, counts, formats and privacy of a run's output, or of a challenge.

    Parameters
    ----------
    out : Path
        The folder that holds ``release/``, or a challenge's ``public/``, and, if still there,
        ``private/``.
    key_path : Path, optional
        The release key, where it does not lie in ``private/``.

    Returns
    -------
    tuple of Failure
        Empty if all is well.
    """
    if (out / "public" / "manifest.json").is_file():
        return _carried_out(CHALLENGE_CHECKS, Evidence(out, public="public"))
    if not (out / "release" / "manifest.json").is_file():
        sentence = "there is no release/manifest.json: the run has not been completed"
        if (out / "manifest.json").is_file():
            sentence = "this is a release by itself: give the folder that holds release/"
        return (Failure("complete", sentence),)
    return _carried_out(CHECKS, Evidence(out, key_path))


def _carried_out(checks: Mapping[str, Check], evidence: Evidence) -> tuple[Failure, ...]:
    return tuple(
        Failure(name, sentence)
        for name, check in checks.items()
        for sentence in _sentences(check, evidence)
    )


def _sentences(check: Check, evidence: Evidence) -> list[str]:
    """Carry a check out; what it said before it broke off counts as well."""
    said: list[str] = []
    try:
        said.extend(check(evidence))
    except Exception as error:  # a damaged file may break any reader in any way
        said.append(f"the files cannot be read ({type(error).__name__})")
    return said
