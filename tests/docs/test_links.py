"""Every relative link of every page in the repository leads to a file, and its anchor to a heading."""

import re
from pathlib import Path

import pytest
import tfx_lm

ROOT = Path(tfx_lm.__file__).resolve().parent
PATTERNS = ("*.md", "*/README.md", "components/*/README.md", "docs/**/*.md")
FOUND = {path.relative_to(ROOT) for pattern in PATTERNS for path in ROOT.glob(pattern)}
PAGES = sorted(path for path in FOUND if not path.parent.name.startswith("."))
# Made when the site is built; test_site.py builds it, which checks links to them.
GENERATED = {ROOT / "docs" / "reference" / name for name in ("configuration.md", "commands.md")}


def text_of(path: Path) -> str:
    """The page without fenced blocks and inline code, in which nothing is a link or a heading."""
    fenced = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`(?!\]\()", lambda match: match[0].replace("](", ""), fenced)


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.*)$", text_of(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if target in GENERATED:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_of_a_page_resolve(page):
    assert broken_links(ROOT / page) == []


def test_broken_links_are_noticed(tmp_path):
    (tmp_path / "b.md").write_text("# A `b`, and c\n")
    page = tmp_path / "a.md"
    page.write_text("[x](b.md#a-b-and-c) [y](b.md#d) [z](c.md) [w](https://example.com/)\n```\n[v](d.md)\n```\n")
    assert broken_links(page) == ["b.md#d", "c.md"]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 180
