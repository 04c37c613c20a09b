import pytest
from tfx_lm.components.text_example_gen.spans import check_markers, check_numbers, has_span, spans_as_wildcards
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
    ("pattern", "path"),
    [
        ("/a/s-{SPAN}/*.txt", "/a/s-12/x.txt"),
        ("/a/s-{SPAN:2}/v{VERSION}/[xy]?.txt", "/a/s-07/v1/x1.txt"),
        ("/a/{YYYY}-{MM}-{DD}/x[[]1].txt", "/a/2024-02-29/x[1].txt"),
        ("/a/*.txt", "/a/x.txt"),
    ],
)
def test_numbers_at_the_markers(pattern, path):
    check_numbers("files", pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/a/s-{SPAN}/*.txt", "/a/s-old/x.txt"),
        ("/a/s-{SPAN:2}/x.txt", "/a/s-7/x.txt"),
        ("/a/{YYYY}{MM}{DD}.txt", "/a/2024-2-9.txt"),
        ("/a/a{SPAN}.txt", "/a/a{SPAN}.txt"),
    ],
)
def test_no_numbers_at_the_markers(pattern, path):
    with pytest.raises(InputError) as caught:
        check_numbers("files", pattern, path)
    assert str(caught.value).startswith(f"files: {path} matches {pattern}, whose markers stand for numbers; move it")
