"""Which spans are read, and which folders look half written."""

import pytest
from tfx_lm.components.text_example_gen.inputs import check_inputs
from tfx_lm.components.text_example_gen.options import InputOptions
from tfx_lm.components.text_example_gen.span_choice import ReadSpan, Wanted, choose_spans
from tfx_lm.errors import SettingError
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.options import RecordOptions

FIVE = [f"span-{number}/x.txt" for number in range(1, 6)]


@pytest.fixture
def corpus(tmp_path):
    """Makes files of one line below the test's folder, and folders whose names end with `/`."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(parents=True) if name.endswith("/") else path.write_text("the cat\n")
        return tmp_path

    return make


def read(folder, *patterns, key="{files}", **wanted):
    """The numbers of the spans that are read, and the patterns without markers, relative to the folder."""
    choice = choose_spans({key: [f"{folder}/{pattern}" for pattern in patterns]}, Wanted(**wanted))
    read_patterns = [one.removeprefix(f"{folder}/") for of in choice.patterns.values() for _, one in of]
    return [span.span for span in choice.spans], read_patterns


def refused(folder, *patterns, **wanted):
    with pytest.raises(InputError) as caught:
        read(folder, *patterns, **wanted)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("wanted", "spans"),
    [
        ({}, [5]),
        ({"window": 3}, [3, 4, 5]),
        ({"window": 9}, [1, 2, 3, 4, 5]),
        ({"last": 3}, [3]),
        ({"last": 3, "window": 2}, [2, 3]),
        ({"first": 2, "last": 4, "window": None}, [2, 3, 4]),
        ({"first": 4, "window": 3}, [4, 5]),
    ],
)
def test_numbers(corpus, wanted, spans):
    expected = [f"span-{span}/*.txt" for span in spans]
    assert read(corpus(*FIVE), "span-{SPAN}/*.txt", **wanted) == (spans, expected)


def test_without_markers_there_is_no_choice():
    assert choose_spans({"{files}": ["/nowhere/*.txt"]}, Wanted()) is None


def test_days_are_numbers_of_days_and_may_come_weekly(corpus):
    folder = corpus("2026-04-17/x.txt", "2026-04-24/x.txt", "2026-05-01/x.txt")
    choice = choose_spans({"{files}": [f"{folder}/{{YYYY}}-{{MM}}-{{DD}}/*.txt"]}, Wanted(window=2))
    assert choice.spans == (ReadSpan(20567, None, "2026-04-24"), ReadSpan(20574, None, "2026-05-01"))
    corpus("2026-05-15/x.txt")
    assert refused(folder, "{YYYY}-{MM}-{DD}/*.txt", window=2).startswith(
        "spans: 2026-05-01 and 2026-05-15 are read, and no span between them is there; add it"
    )
    assert read(folder, "{YYYY}-{MM}-{DD}/*.txt", window=2, gaps=True)[0] == [20574, 20588]


def test_the_newest_version_of_each_span(corpus):
    folder = corpus("1/v1/x.txt", "1/v3/x.txt", "2/v2/x.txt", "2/v10/x.txt")
    choice = choose_spans({"{files}": [f"{folder}/{{SPAN}}/v{{VERSION}}/*.txt"]}, Wanted(window=2))
    assert choice.spans == (ReadSpan(1, 3, None), ReadSpan(2, 10, None))
    assert read(folder, "{SPAN}/v{VERSION}/*.txt", window=2)[1] == ["1/v3/*.txt", "2/v10/*.txt"]


def test_padded_numbers_keep_their_zeros(corpus):
    folder = corpus("span-07/x.txt", "span-12/x.txt")
    for pattern in ("span-{SPAN:2}/x.txt", "span-{SPAN}/x.txt"):
        assert read(folder, pattern, last=7)[1] == ["span-07/x.txt"]
    corpus("span-7/x.txt")
    assert refused(folder, "span-{SPAN}/*.txt") == (
        "files: span-07/x.txt and span-7/x.txt write one number in two ways; rename one"
    )


def test_a_pattern_that_matches_nothing_beside_one_that_does_stays(corpus):
    folder = corpus("a-1/x.txt", "a-2/x.txt", "a-2/y.jsonl")
    assert read(folder, "a-{SPAN}/*.txt", "a-{SPAN}/*.csv", "a-{SPAN}/*.jsonl", window=2)[1] == [
        "a-1/*.txt", "a-2/*.txt", "a-2/*.csv", "a-2/*.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "pattern", "wanted", "message"),
    [
        (FIVE, "day-{SPAN}/*.txt", {}, "files: no file matches day-{SPAN}/*.txt"),
        (FIVE, "span-{SPAN}/*.txt", {"last": 6}, "spans: there is no span 6; the spans go from 1 to 5"),
        (FIVE, "span-{SPAN}/*.txt", {"first": 6, "window": 1}, "spans: there is no span from 6 on"),
        (
            FIVE,
            "span-{SPAN}/*.txt",
            {"first": 0, "last": 3, "window": None},
            "spans: there is no span 0; the spans go from 1 to 5",
        ),
        (
            ["1.txt", "2.txt", "4.txt"],
            "{SPAN}.txt",
            {"window": 2},
            "spans: 2 and 4 are read, and no span between them is there; add it, read fewer spans (span_window), or "
            "set span_gaps to allow",
        ),
        (
            ["1/x.txt", "2/"],
            "{SPAN}/*.txt",
            {},
            "files: no file of span 2 matches (in 2); it seems to be half written: add its files, or remove it",
        ),
        (
            ["1/v1/x.txt", "1/v2/"],
            "{SPAN}/v{VERSION}/*.txt",
            {},
            "files: no file of span 1, version 2 matches (in 1/v2); it seems to be half written: add its files, or "
            "remove it",
        ),
        (
            ["1/v1/x.txt", "2/"],
            "{SPAN}/v{VERSION}/*.txt",
            {},
            "files: no file of span 2 matches (in 2); it seems to be half written: add its files, or remove it",
        ),
        (["2026-02-30.txt"], "{YYYY}-{MM}-{DD}.txt", {}, "files: 2026-02-30.txt: there is no such day; rename it"),
        (
            ["1/x.txt", "old/x.txt"],
            "{SPAN}/*.txt",
            {},
            "files: old/x.txt matches {SPAN}/*.txt, whose markers stand for numbers; move it elsewhere, or give a "
            "pattern that does not match it",
        ),
    ],
)
def test_what_is_refused(corpus, names, pattern, wanted, message):
    assert refused(corpus(*names), pattern, **wanted) == message


def test_a_half_written_span_outside_of_the_window_does_no_harm(corpus):
    folder = corpus("1/", "2/x.txt", "3/x.txt", "old/", "4.tmp/")
    assert read(folder, "{SPAN}/*.txt", window=2)[0] == [2, 3]


def test_all_splits_have_the_spans_that_are_read(corpus):
    folder = corpus("1/v1/train.txt", "1/v1/eval.txt", "2/v1/train.txt", "2/v1/eval.txt", "2/v2/train.txt")
    groups = {f"{{splits}}.{name}": [f"{folder}/{{SPAN}}/v{{VERSION}}/{name}.txt"] for name in ("train", "eval")}
    with pytest.raises(
        InputError, match=r"^splits\.eval: no file of span 2, version 2 matches \(in .*/2/v2\); it seems"
    ):
        choose_spans(groups, Wanted())
    (folder / "2/v2/eval.txt").write_text("a dog\n")
    assert choose_spans(groups, Wanted()).spans == (ReadSpan(2, 2, None),)


def test_the_check_before_a_run(corpus):
    folder = corpus(*FIVE, "heldout.txt")
    splits = {"train": [f"{folder}/span-{{SPAN}}/*.txt"], "eval": [f"{folder}/heldout.txt"]}
    paths = check_inputs(None, splits, {}, RecordOptions(), Wanted(window=2))
    assert paths == [f"{folder}/span-4/x.txt", f"{folder}/span-5/x.txt", f"{folder}/heldout.txt"]
    (folder / "span-5/x.txt").write_text("\n\n")
    with pytest.raises(InputError, match=r"splits\.train: span 5 is empty: .*x\.txt has only empty lines"):
        check_inputs(None, splits, {}, RecordOptions(), Wanted(window=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"files": "x.txt", "spans": 7}, r"spans=\[7\]: no pattern of files or splits has \{SPAN\}, or \{YYYY\}"),
        ({"files": "x.txt", "span_window": 2}, "span_window=2: no pattern of files or splits has"),
        (
            {"files": "{SPAN}.txt", "spans": [1, 2], "span_window": 2},
            r"spans=\[1, 2\] and span_window=2 are both set; keep one of them",
        ),
        ({"files": "{SPAN}.txt", "span_window": 0}, "must be >= 1"),
        ({"files": "{SPAN}/{SPAN}.txt"}, "a pattern takes either"),
        (
            {"splits": {"train": "{SPAN}.txt", "eval": "{YYYY}{MM}{DD}.txt"}},
            r"splits\.eval: \{YYYY\}\{MM\}\{DD\}\.txt and \{SPAN\}\.txt have different markers",
        ),
    ],
)
def test_options_that_contradict(options, message):
    with pytest.raises(SettingError, match=message):
        InputOptions.parse(options)


def test_options_that_go_together():
    options = InputOptions.parse({"files": "{SPAN}.txt", "spans": "7", "span_window": 3, "span_gaps": "allow"})
    assert options.wanted_spans() == Wanted(last=7, window=3, gaps=True)
    assert InputOptions.parse({"files": "{SPAN}.txt", "spans": [3, 7]}).wanted_spans() == Wanted(3, 7, None)
