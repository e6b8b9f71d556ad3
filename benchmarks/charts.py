"""Small box plots as SVG, without a plotting library."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

__all__ = ["Box", "Panel", "write_panels"]

_WIDE, _HIGH, _LEFT, _COLUMNS = 330, 64, 58, 3
_COLOURS = ("#4a5568", "#c05621")


@dataclass(frozen=True, slots=True)
class Box:
    """Five numbers of one distribution."""

    low: float
    first: float
    median: float
    third: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One column: as published, as measured here."""

    title: str
    boxes: tuple[Box, ...]


def write_panels(path: Path, panels: Sequence[Panel], names: Sequence[str]) -> None:
    """Draw panels three abreast, the boxes of each below one another."""
    rows = -(-len(panels) // _COLUMNS)
    width, height = _COLUMNS * _WIDE, rows * _HIGH + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="10">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        at = (number % _COLUMNS) * _WIDE, (number // _COLUMNS) * _HIGH
        parts.append(f'<g transform="translate({at[0]},{at[1]})">{_panel(panel, names)}</g>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _panel(panel: Panel, names: Sequence[str]) -> str:
    low = min(box.low for box in panel.boxes)
    high = max(box.high for box in panel.boxes)
    room = _WIDE - _LEFT - 16
    scale = room / (high - low if high > low else 1.0)
    drawn = [f'<text x="{_LEFT}" y="13" font-weight="bold">{escape(panel.title)}</text>']
    for k, (box, name) in enumerate(zip(panel.boxes, names, strict=True)):
        y = 20 + 14 * k
        x = [
            _LEFT + scale * (v - low) for v in (box.low, box.first, box.median, box.third, box.high)
        ]
        colour = _COLOURS[k % len(_COLOURS)]
        drawn += [
            f'<text x="4" y="{y + 8}" fill="{colour}">{escape(name)}</text>',
            f'<path d="M{x[0]:.1f} {y + 5}H{x[4]:.1f}" stroke="{colour}"/>',
            f'<rect x="{x[1]:.1f}" y="{y}" width="{max(x[3] - x[1], 0.5):.1f}" height="10" '
            f'fill="{colour}" fill-opacity="0.35" stroke="{colour}"/>',
            f'<path d="M{x[2]:.1f} {y}v10" stroke="{colour}" stroke-width="2"/>',
        ]
    drawn.append(f'<text x="{_LEFT}" y="58" fill="#718096">{low:.4g}</text>')
    drawn.append(
        f'<text x="{_WIDE - 16}" y="58" fill="#718096" text-anchor="end">{high:.4g}</text>'
    )
    return "".join(drawn)
