import pytest
from tfx_lm.pipelines.demo import sentences, write_corpus
from tfx_lm.pipelines.errors import ConfigurationError


def test_the_docstrings_example():
    assert sentences("We won. Now\tgo!\n\nThank you.") == ["We won.", "Now go!", "Thank you."]


def test_numbers_and_quotes_do_not_end_a_sentence():
    assert sentences('It cost $1.5 billion. "Why?" they asked.') == ["It cost $1.5 billion.", '"Why?" they asked.']


def test_the_corpus_starts_at_a_year_and_is_not_touched_when_unchanged(tmp_path):
    speeches = tmp_path / "speeches"
    speeches.mkdir()
    (speeches / "1960-A-1.txt").write_text("Too old.")
    (speeches / "1961-B-1.txt").write_text("First one. Second one.")
    (speeches / "2001-C-1.txt").write_text("Third one.")
    corpus = tmp_path / "out" / "corpus.txt"
    write_corpus(speeches, corpus)
    assert corpus.read_text() == "First one.\nSecond one.\nThird one.\n"
    before = corpus.stat().st_mtime_ns
    write_corpus(speeches, corpus)
    assert corpus.stat().st_mtime_ns == before


def test_no_speeches_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="no speech from 1961 on"):
        write_corpus(tmp_path, tmp_path / "corpus.txt")
