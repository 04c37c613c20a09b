"""Compatibility of mkdocstrings with pymdown-extensions on Python 3.10.

pymdown-extensions 12.3 gave `Highlight` a first argument `md`. mkdocstrings 1.0.6, the last release for Python 3.10,
calls it without. Newer Pythons have a mkdocstrings that passes it.
"""

from __future__ import annotations

import inspect

from mkdocs.config.defaults import MkDocsConfig
from mkdocstrings import Highlighter
from pymdownx.highlight import Highlight, HighlightExtension


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Gives `Highlighter` a constructor that passes `md` on, if mkdocstrings's own does not."""
    needs_md = "md" in inspect.signature(Highlight.__init__).parameters
    if needs_md and "super().__init__(**" in inspect.getsource(Highlighter.__init__):
        Highlighter.__init__ = _init
    return config


def _init(self, md) -> None:
    extensions = (item for item in md.registeredExtensions if isinstance(item, HighlightExtension))
    settings = next(extensions).getConfigs()
    self._highlighter = "highlight"
    self._css_class = settings.pop("css_class")
    known = inspect.signature(Highlight.__init__).parameters
    Highlight.__init__(self, md, **{name: value for name, value in settings.items() if name in known})
