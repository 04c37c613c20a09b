"""Mermaid diagrams, drawn as SVG when the site is built: a page needs no script and no request for them.

GitHub draws the same blocks itself.
"""

from __future__ import annotations

import re

import mermaidx
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

FENCE = re.compile(r"^```mermaid\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# The lines of a diagram are dark in both colour schemes of the site.
PAPER = "background: #fff; padding: 1em; overflow-x: auto"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replaces each diagram by a drawing."""
    return FENCE.sub(
        lambda match: f'<div class="diagram" style="{PAPER}">{drawing(match[1], match.start())}</div>', markdown
    )


def drawing(diagram: str, number: int) -> str:
    """Draws a diagram.

    Args:
        diagram: Mermaid's text.
        number: A number that is unique on the page.

    Returns:
        An `<svg>` in one line.
    """
    # Mermaid gives each drawing the same id, to which its styles refer.
    return mermaidx.render(diagram).svg().replace("my-svg", f"diagram-{number}")
