import pytest
from click.testing import CliRunner
from tfx_lm.cli.cli import main

pytestmark = pytest.mark.usefixtures("models_loaded_once")


def complete(model: str, *arguments: str, code: int = 0):
    result = CliRunner().invoke(main, ["complete", model, *arguments, "--length", "1", "--greedy"])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def in_context(save_table_model, bigram_table):
    return save_table_model(*bigram_table, context_tokens=3)


@pytest.mark.slow
def test_a_context_that_is_not_there_is_said(in_context):
    assert complete(in_context, "the").stderr == (
        "tfx-lm: TEXT was read as the first line of a document; the model reads up to 3 tokens before a line: give the "
        "lines before it with --context\n"
    )
    for arguments in (("the", "--context", "cat"), ("cat\nthe",)):
        assert complete(in_context, *arguments).stderr == ""
    assert complete(in_context, "cat\nthe").stdout.endswith("\ncat\nthe cat\n")


def test_a_context_for_a_model_that_reads_none_is_refused(bigram_model):
    assert complete(bigram_model, "the", "--context", "cat", code=2).stderr == (
        f"tfx-lm: --context: {bigram_model} reads no context; leave --context out\n"
    )
    assert complete(bigram_model, "the", "--context", "").stdout.endswith("the cat\n")
