"""Pages of the repository outside `docs/`: README files, the changelog, and files that pages link to.

They keep their path on the site (`components/pusher/README.md`), and README.md is the first page. A relative link is
written as GitHub reads it; this hook turns it into the site's path, and copies a linked file to the site.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
# Packages that the API reference reads. They are linked one by one: a link to the whole checkout would contain itself.
PACKAGES = ("cli", "components", "exported", "model", "pipelines", "server", "text_files", "transform")
LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def repository_pages() -> list[str]:
    """Returns the paths of all pages outside `docs/` and hidden folders, relative to the repository."""
    patterns = ("*.md", "*/README.md", "components/*/README.md")
    paths = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in paths if not path.startswith(("docs/", ".")))


def on_startup(*, command: str, dirty: bool) -> None:
    """Makes the folder below which the API reference finds the package `tfx_lm`.

    mkdocstrings drops a search path that does not exist when it reads the configuration. It would then find the
    checkout itself, and read every file of its virtual environment, for minutes.
    """
    package = ROOT / ".cache" / "docs" / "tfx_lm"
    package.mkdir(parents=True, exist_ok=True)
    for path in [*ROOT.glob("*.py"), *(ROOT / name for name in PACKAGES)]:
        link = package / path.name
        if path.name != "setup.py":
            with contextlib.suppress(FileExistsError):  # From an earlier build, or one beside this.
                link.symlink_to(path)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the repository's pages, and the files that any page links to."""
    paths = repository_pages()
    for path in paths:
        uri = "index.md" if path == "README.md" else path
        files.append(File.generated(config, uri, content=(ROOT / path).read_text(encoding="utf-8")))
    linked = {
        target
        for file in files.documentation_pages()
        for target in link_targets(repository_path(file.src_uri), file.content_string)
    }
    for path in sorted(linked):
        if (ROOT / path).is_file() and not path.endswith(".md") and not path.startswith("docs/"):
            files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns a page's relative links into links within the site."""
    uri = page.file.src_uri
    source = repository_path(uri)

    def on_site(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        site = "index.md" if target == "README.md" else target.removeprefix("docs/")
        if (ROOT / target).is_dir():
            site = f"{site}/README.md"
        if files.get_file_from_path(site) is None:
            return match[0]
        return f"{match[1]}{posixpath.relpath(site, posixpath.dirname(uri) or '.')}{match[3]}"

    return outside_code(markdown, lambda text: LINK.sub(on_site, text))


def repository_path(uri: str) -> str:
    """Returns the path in the repository of the page with this `uri` on the site."""
    if uri == "index.md":
        return "README.md"
    return uri if uri in repository_pages() else f"docs/{uri}"


def link_targets(path: str, markdown: str) -> set[str]:
    """Returns the paths in the repository to which the page at `path` links."""
    targets: set[str] = set()

    def collect(text: str) -> str:
        for match in LINK.finditer(text):
            targets.add(posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2])))
        return text

    outside_code(markdown, collect)
    return targets


def outside_code(markdown: str, change) -> str:
    """Applies `change` to all text that is not in a fenced block."""
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else change(part) for part in parts)
