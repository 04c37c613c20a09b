import pytest
from tfx_lm.components.text_example_gen.spans import (
    check_markers,
    has_span,
    spans_as_wildcards,
    texts_at_markers,
    texts_of,
    with_texts,
)
from tfx_lm.text_files.errors import InputError


@pytest.mark.parametrize("marker", ["{SPAN}", "{SPAN:3}", "{VERSION}", "{YYYY}", "{MM}", "{DD}"])
def test_has_span(marker):
    assert has_span(f"/a/{marker}/*.txt")
    assert not has_span("/a/{x}/*.txt")


def test_spans_as_wildcards():
    assert spans_as_wildcards("/a/{SPAN}/v{VERSION:2}/x.txt") == "/a/*/v*/x.txt"
    assert spans_as_wildcards("/a/{YYYY}-{MM}-{DD}.txt") == "/a/*-*-*.txt"
    assert spans_as_wildcards("/a/{x}.txt") == "/a/{x}.txt"


@pytest.mark.parametrize(
    "pattern", ["/a/*.txt", "/{SPAN}/v{VERSION}/*", "/{YYYY}-{MM}-{DD}/{VERSION:2}/x", "/{x}/{}/a"]
)
def test_markers_that_can_be_replaced(pattern):
    check_markers("files", pattern)


@pytest.mark.parametrize(
    "pattern", ["/{SPAN}/{SPAN}", "/{YYYY}/x", "/{YYYY}-{MM}-{DD}/{SPAN}", "/{VERSION}/x", "/{SPAN}/{VERSION}{VERSION}"]
)
def test_markers_that_cannot_be_replaced(pattern):
    with pytest.raises(InputError) as caught:
        check_markers("{files}", pattern)
    assert str(caught.value) == (
        f"files: {pattern}: a pattern takes either {{SPAN}} or {{YYYY}}, {{MM}} and {{DD}}, each once, and {{VERSION}} "
        "only beside one of these"
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("/{SPAN}/**/x.txt", "files: /{SPAN}/**/x.txt: ** cannot stand beside a span; give a pattern for each depth"),
        ("/{SPAN:0}/x", "{SPAN:0}: {SPAN} and {VERSION} may have a number of digits, such as {SPAN:2}; other markers"),
        ("/{SPAN:two}/x", "{SPAN:two}: {SPAN} and {VERSION} may have a number of digits"),
        ("/{SPAN}/v{VERSION:}/x", "{VERSION:}: {SPAN} and {VERSION} may have a number of digits"),
        ("/{YYYY:4}{MM}{DD}/x", "{YYYY:4}: {SPAN} and {VERSION} may have a number of digits"),
    ],
)
def test_widths_and_depths_that_no_marker_has(pattern, message):
    with pytest.raises(InputError) as caught:
        check_markers("{files}", pattern)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "path", "texts"),
    [
        ("/a/s-{SPAN}/*.txt", "/a/s-12/x.txt", {"SPAN": "12"}),
        ("/a/s-{SPAN:2}/v{VERSION}/[xy]?.txt", "/a/s-07/v1/x1.txt", {"SPAN": "07", "VERSION": "1"}),
        (
            "/a/{YYYY}-{MM}-{DD}/x[[]1].txt",
            "/a/2024-02-29/x[1].txt",
            {"YYYY": "2024", "MM": "02", "DD": "29"},
        ),
        ("/a/s-{SPAN}/*.txt", "/a/s-old/x.txt", None),
        ("/a/s-{SPAN:2}/x.txt", "/a/s-7/x.txt", None),
        ("/a/{YYYY}{MM}{DD}.txt", "/a/2024-2-9.txt", None),
        ("/a/a{SPAN}.txt", "/a/a{SPAN}.txt", None),
    ],
)
def test_texts_at_the_markers(pattern, path, texts):
    assert texts_at_markers(pattern, path) == texts


def test_markers_are_replaced():
    assert with_texts("/{SPAN:2}/v{VERSION}/{x}", {"SPAN": "07", "VERSION": "1"}) == "/07/v1/{x}"
    assert texts_of("/{SPAN:3}/{VERSION}", {"SPAN": 7, "VERSION": 12}) == {"SPAN": "007", "VERSION": "12"}
    assert texts_of("{YYYY}-{MM}-{DD}", {"YYYY": 2026, "MM": 5, "DD": 1}) == {"YYYY": "2026", "MM": "05", "DD": "01"}
