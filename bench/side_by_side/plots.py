"""Bars as SVG, by hand: a few plots need no library. Its ground is its own, so that it is readable on a dark page."""

from collections.abc import Sequence
from html import escape

from bench.side_by_side.results import Row
from bench.side_by_side.tables import US, figure

__all__ = ["bars"]

_WIDTH, _NAMES, _FIGURES, _BAR, _GAP, _TOP = 760, 130, 170, 22, 10, 54
_OURS, _THEIRS = "#0b6e4f", "#8a9ba8"


def bars(title: str, note: str, rows: Sequence[Row]) -> str:
    """A bar for each row, in the order given, with a line from its lowest round to its highest. Raises ValueError where
    there is no row."""
    if not rows:
        raise ValueError(f"{title}: there is nothing to plot")
    height = _TOP + len(rows) * (_BAR + _GAP) + 8
    scale = (_WIDTH - _NAMES - _FIGURES) / (max(row.high for row in rows) or 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="#1c2733">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-weight="600">{escape(title)}</text>',
        f'<text x="12" y="41" font-size="12" fill="#51606d">{escape(note)}</text>',
        *(_bar(row, _TOP + number * (_BAR + _GAP), scale) for number, row in enumerate(rows)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _bar(row: Row, top: int, scale: float) -> str:
    ours = row.subject == US
    length, middle, text = row.median * scale, top + _BAR / 2, top + _BAR - 6
    low, high = _NAMES + row.low * scale, _NAMES + row.high * scale
    weight = ' font-weight="600"' if ours else ""
    return (
        f'<text x="{_NAMES - 8}" y="{text}" text-anchor="end"{weight}>{escape(row.subject)}</text>'
        f'<rect x="{_NAMES}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{_OURS if ours else _THEIRS}"/>'
        f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="#1c2733"/>'
        f'<text x="{high + 8:.1f}" y="{text}"{weight}>{figure(row.median)} {escape(row.unit)}</text>'
    )
