"""The page as people see it: on a phone and on a desk, by day and by night."""

import pytest
from tfx_lm.components.report.page import render

pytestmark = pytest.mark.slow

# What the browser itself says about a text and what is behind it.
CONTRAST = """
() => {
  const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parse = color => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const inSvg = element instanceof SVGElement;
    const said = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (inSvg ? element.tagName !== "text" : !said) continue;
    const style = getComputedStyle(element);
    const text = luminance(parse(inSvg ? style.fill : style.color)), back = luminance(behind(element));
    const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (ratio < 4.5) found.push([element.outerHTML.slice(0, 80), ratio]);
  }
  return found;
}
"""


class Seen:
    """A page that is open in the browser."""

    def __init__(self, chromium, file, width, scheme="light"):
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.messages, self.requests = [], []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.messages.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.page.evaluate("document.querySelectorAll('details').forEach(item => item.open = true)")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


@pytest.fixture
def file_of(pages, tmp_path):
    def write(name):
        file = tmp_path / f"{name}.html"
        file.write_text(render(pages[name]()), encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize("name", ["blessed", "hostile", "first", "empty", "broken"])
def test_nothing_is_asked_for_and_nothing_complained_of(chromium, file_of, name):
    file = file_of(name)
    for width in (320, 1280):
        with Seen(chromium, file, width) as seen:
            assert seen.messages == []
            assert seen.requests == [file.as_uri()]
            # The page never scrolls sideways; wide tables do, in frames of their own.
            assert seen.page.evaluate("document.documentElement.scrollWidth") == width
            assert seen.page.title() != "attacked"


def test_what_is_slipped_into_the_page_does_nothing(chromium, pages, tmp_path):
    """A second fence, should the template forget to escape a text."""
    slipped = "<script>document.title = 'attacked'</script><style>body { display: none }</style><img src='x.png'>"
    file = tmp_path / "slipped.html"
    file.write_text(render(pages["blessed"]()).replace("<h1>", f"{slipped}<h1>", 1), encoding="utf-8")
    with Seen(chromium, file, 1280) as seen:
        assert seen.page.title() == "speeches: blessed"
        assert seen.page.evaluate("getComputedStyle(document.body).display") == "block"
        assert len(seen.messages) == 3
        assert all("Content Security Policy" in message for message in seen.messages)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_by_day_and_by_night(chromium, file_of, scheme):
    with Seen(chromium, file_of("blessed"), 1280, scheme) as seen:
        background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[scheme]
        assert seen.page.evaluate(CONTRAST) == []


def test_the_letters_of_charts_are_large_enough_on_a_phone(chromium, file_of):
    with Seen(chromium, file_of("blessed"), 320) as seen:
        heights = seen.page.evaluate(
            "[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)"
        )
        assert len(heights) > 40
        assert min(heights) > 9


def test_charts_are_named_and_wide_tables_can_be_reached_by_keyboard(chromium, file_of):
    with Seen(chromium, file_of("blessed"), 320) as seen:
        assert seen.page.get_by_role("img").count() == 4
        for region in seen.page.query_selector_all(".scroll"):
            assert region.get_attribute("aria-label")
            assert region.get_attribute("tabindex") == "0"


def test_surprise_is_marked_by_more_than_colour(chromium, file_of):
    with Seen(chromium, file_of("blessed"), 1280) as seen:
        marks = seen.page.evaluate(
            """[0, 1, 2, 3, 4].map(level => {
                 const word = document.querySelector(`.words .s${level}`), style = getComputedStyle(word);
                 return [style.borderBottomWidth, style.backgroundColor, word.textContent, word.title];
               })"""
        )
    assert [mark[0] for mark in marks] == ["0px", "1px", "2px", "3px", "4px"]
    assert len({mark[1] for mark in marks}) == 5
    assert [mark[2] for mark in marks] == ["0.0", "4.0", "7.0", "10.0", "13.0"]
    assert marks[0][3] == "candidate: 0.00 bits"
