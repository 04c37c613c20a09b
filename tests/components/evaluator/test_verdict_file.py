"""The file of the verdict, which other components, notebooks and the summary of a run read."""

import json

from tfx_lm.components.evaluator.results import read_verdict, write_verdict
from tfx_lm.exported.gate import Verdict


def test_the_reasons_are_text_and_the_templates_stand_beside_them(tmp_path):
    verdict = Verdict(False, ["perplexity 9 > {max_perplexity} 5", "source: {{a}}: worse"])
    write_verdict(str(tmp_path), verdict)
    assert json.loads((tmp_path / "verdict.json").read_text()) == {
        "blessed": False,
        "reasons": ["perplexity 9 > max_perplexity 5", "source: {a}: worse"],
        "templates": verdict.templates,
    }
    assert read_verdict(str(tmp_path)) == verdict


def test_an_older_verdict_has_reasons_alone(tmp_path):
    (tmp_path / "verdict.json").write_text('{"blessed": true, "reasons": ["source: {a}: better"]}')
    verdict = read_verdict(str(tmp_path))
    assert (verdict.blessed, verdict.reasons) == (True, ["source: {a}: better"])
