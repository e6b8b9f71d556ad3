"""Before and after selection, as a drawing (SVG) that needs no library."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.selection import PatientFigures

__all__ = ["selection_plot"]

BINS: Final = 20
PANEL_PX: Final = (300, 140)
GAP_PX: Final = 60
COLOURS: Final = {"with a malignant lesion": "#b2182b", "without": "#2166ac"}

_FIGURES = (("lesions", "lesions a patient"), ("spread_days", "days from first to last capture"))


def selection_plot(before: PatientFigures, after: PatientFigures) -> str:
    """Draw what subsampling matches: shares of patients by lesions and by spread of dates.

    Parameters
    ----------
    before, after : PatientFigures

    Returns
    -------
    str
        An SVG: a row a figure, a column before and one after, patients with and without a
        malignant lesion as two lines.
    """
    width, height = (2 * (side + GAP_PX) for side in PANEL_PX)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + GAP_PX}" height="{height + 40}" '
        'font-family="sans-serif" font-size="12">'
    ]
    for row, (name, title) in enumerate(_FIGURES):
        values = [getattr(figures, name) for figures in (before, after)]
        edges = np.linspace(0, max(float(np.concatenate(values).max(initial=1)), 1), BINS + 1)
        for column, (when, figures) in enumerate((("before", before), ("after", after))):
            left, top = (
                GAP_PX + column * (PANEL_PX[0] + GAP_PX),
                30 + row * (PANEL_PX[1] + GAP_PX),
            )
            parts.append(f'<g transform="translate({left} {top})">')
            parts += _panel(values[column], figures.malignant, edges, f"{title}, {when}")
            parts.append("</g>")
    for k, (word, colour) in enumerate(COLOURS.items()):
        parts.append(
            f'<text x="{GAP_PX + 220 * k}" y="{height + 30}" fill="{colour}">patients {word}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(
    values: NDArray[np.generic],
    malignant: NDArray[np.bool_],
    edges: NDArray[np.float64],
    title: str,
) -> list[str]:
    wide, high = PANEL_PX
    parts = [
        f'<text y="-8">{title}</text>',
        f'<path d="M0 0V{high}H{wide}" fill="none" stroke="#888"/>',
        f'<text y="{high + 16}">0</text>',
        f'<text x="{wide}" y="{high + 16}" text-anchor="end">{edges[-1]:g}</text>',
    ]
    shares = [np.histogram(values[c], edges)[0] for c in (malignant, ~malignant)]
    shares = [share / max(share.sum(), 1) for share in shares]
    top = max(float(share.max()) for share in shares) or 1.0
    for share, colour in zip(shares, COLOURS.values(), strict=True):
        steps = "".join(
            f"V{high * (1 - s / top):.1f}H{wide * (k + 1) / BINS:.1f}" for k, s in enumerate(share)
        )
        parts.append(f'<path d="M0 {high}{steps}V{high}" fill="none" stroke="{colour}"/>')
    return parts
