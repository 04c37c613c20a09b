"""Code digest: the fingerprint of the code that runs inside nodes, one of their properties.

TFX's cache looks at inputs and execution properties. Code that is referenced by import path is neither, so an
edited `run_fn` would be a stale cache hit (tfx#388, tfx#3827).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

CODE_DIGEST_KEY = "code_digest"
PACKAGE = Path(__file__).resolve().parent.parent
# pipelines/ only builds and launches nodes; its decisions reach them as execution properties.
NODE_CODE = ("components", "exported", "model", "text_files", "transform")
# Modules of the root package that no node imports.
NO_NODE_CODE = ("exit_codes.py", "setup.py")
SUFFIXES = (".css", ".html", ".py")


def code_digest() -> str:
    """Digests the source of everything that a node can run.

    Returns:
        16 hexadecimal digits that change when any source or template in the root package or in one of the folders of
        `NODE_CODE` is edited, added, removed or renamed.
    """
    digest = hashlib.sha256()
    sources = [path for path in PACKAGE.glob("*.py") if path.name not in NO_NODE_CODE]
    for folder in NODE_CODE:
        sources += [path for path in (PACKAGE / folder).rglob("*") if path.suffix in SUFFIXES]
    for source in sorted(sources):
        digest.update(str(source.relative_to(PACKAGE)).encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:16]
