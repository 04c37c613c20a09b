"""Matplotlib figures as SVG inside a page, in the page's colours, light or dark; the same bytes for the same data."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Each colour is a placeholder for a variable of the style sheet, since Matplotlib draws with colours only.
INK, GRID, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {INK: "var(--ink)", GRID: "var(--grid)", FIRST: "var(--first)", SECOND: "var(--second)"}

# In points; as wide as a phone, so that letters keep their size there.
WIDTH = 264.0

_SETTINGS = {
    "svg.fonttype": "none",  # Letters stay letters: small, searchable, in the reader's font.
    "svg.hashsalt": "tfx-lm",  # Otherwise ids are random.
    "text.parse_math": False,  # A $ in a name is a $.
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.color": INK,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.0,
}


class Chart:
    """A chart under construction.

    Attributes:
        axes: Axes to draw on, with `INK`, `GRID`, `FIRST` and `SECOND`.
        svg: The finished chart.
    """

    axes: Axes
    svg: Markup


@contextmanager
def chart(name: str, description: str, height: float = 190.0) -> Iterator[Chart]:
    """Draws a chart.

    Args:
        name: A name that is unique within the page.
        description: Text alternative, for readers who cannot see the chart.
        height: Height in points.

    Yields:
        The chart to draw on; its `svg` is set after the `with` block.
    """
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # Matplotlib's font only measures the letters; the reader's font draws them.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        result = Chart()
        result.axes = figure.add_subplot()
        yield result
        result.svg = _svg(figure, name, description)


def _svg(figure: Figure, name: str, description: str) -> Markup:
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # Its style would apply to the whole page.
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    # Several charts share the page, and each would have a `figure_1`.
    text = re.sub(r'((?:\bid="|href="#|url\(#))', rf"\g<1>{name}-", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    head, body = text.split(">", 1)
    (view_box,) = re.findall(r'viewBox="[^"]*"', head)
    label = escape(description)
    # Matplotlib escapes all texts of a chart.
    return Markup(  # noqa: S704
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {view_box} role="img" aria-label="{label}">{body}'
    )
