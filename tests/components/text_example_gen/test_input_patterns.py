import posixpath
from pathlib import Path

import pytest
from tfx_lm.components.text_example_gen.patterns import (
    MAX_DEPTH,
    absolute,
    at_each_depth,
    base_and_rests,
    level_name,
    without_level,
)
from tfx_lm.remote import is_remote
from tfx_lm.text_files.errors import InputError


def test_one_file():
    assert base_and_rests(["/a/b/x.txt"]) == ("/a/b", ["x.txt"])


def test_the_deepest_shared_folder():
    assert base_and_rests(["/a/b/x.txt", "/a/c*/y.txt"]) == ("/a", ["b/x.txt", "c*/y.txt"])
    assert base_and_rests(["/a/x.txt", "/a/x.txt"]) == ("/a", ["x.txt", "x.txt"])
    assert base_and_rests(["/ab/x.txt", "/ac/x.txt"]) == ("/", ["ab/x.txt", "ac/x.txt"])


def test_the_base_has_no_wildcard_and_no_span():
    assert base_and_rests(["/a/*/c/x.txt"]) == ("/a", ["*/c/x.txt"])
    assert base_and_rests(["/a/span-{SPAN}/x.txt"]) == ("/a", ["span-{SPAN}/x.txt"])
    assert base_and_rests(["/a/d[[]1]/x.txt"]) == ("/a", ["d[[]1]/x.txt"])


def test_remote_patterns():
    assert base_and_rests(["gs://bucket/a/x.txt", "gs://bucket/b/*.txt"]) == ("gs://bucket", ["a/x.txt", "b/*.txt"])
    base, rests = base_and_rests(["gs://one/x.txt", "gs://two/x.txt"])
    assert [posixpath.join(base, rest) for rest in rests] == ["gs://one/x.txt", "gs://two/x.txt"]
    with pytest.raises(InputError, match="different file systems"):
        base_and_rests(["gs://one/x.txt", "/a/x.txt"])


def test_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    Path("data[1].txt").write_text("the cat\n")
    assert absolute("x.txt") == f"{tmp_path}/x.txt"
    assert absolute("./*.txt") == f"{tmp_path}/*.txt"
    assert absolute("~/x.txt") == "/home/somebody/x.txt"
    assert absolute("data[1].txt") == f"{tmp_path}/data[[]1].txt"
    assert absolute("data[2].txt") == f"{tmp_path}/data[2].txt"
    (tmp_path / "run[1]").mkdir()
    assert absolute("run[1]/*.txt") == f"{tmp_path}/run[[]1]/*.txt"
    assert absolute("run[1]/d?/x[2].txt") == f"{tmp_path}/run[[]1]/d?/x[2].txt"
    monkeypatch.chdir("run[1]")
    assert absolute("**/*.txt") == f"{tmp_path}/run[[]1]/**/*.txt"
    assert absolute("gs://bucket/x.txt") == "gs://bucket/x.txt"


def test_is_remote():
    assert is_remote("gs://bucket/x.txt")
    assert is_remote("hdfs://host:1/x.txt")
    assert not is_remote("/a/b.txt")
    assert not is_remote("C/x.txt")


def test_two_stars_are_folders_at_any_depth():
    assert at_each_depth("/a/*.txt") == ["/a/*.txt"]
    assert at_each_depth("/a/b**/*.txt") == ["/a/b**/*.txt"]
    patterns = at_each_depth("/a/**/x/*.txt")
    assert patterns[:3] == ["/a/x/*.txt", "/a/*/x/*.txt", "/a/*/*/x/*.txt"]
    assert len(patterns) == MAX_DEPTH + 1
    assert at_each_depth("/a/**")[:2] == ["/a/*", "/a/*/*"]
    assert base_and_rests(at_each_depth("/a/**/*.txt"))[0] == "/a"


@pytest.mark.parametrize("pattern", ["/a/**/b/**/*.txt", "/a/{SPAN}/**/*.txt"])
def test_what_two_stars_cannot_be(pattern):
    with pytest.raises(InputError, match="one \\*\\* and no span in a pattern; give several patterns"):
        at_each_depth(pattern)


def test_names_of_levels():
    assert level_name("files-0", 3) == "files-0-level-3"
    assert without_level("files-0-level-3") == "files-0"
    assert without_level("train") == "train"
