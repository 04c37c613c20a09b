"""Beam's signatures of methods, remembered."""

import apache_beam as beam
from apache_beam.transforms import core
from apache_beam.transforms.userstate import get_dofn_specs
from tfx_lm.pipelines.beam.signatures import remember_signatures, remembering


class Kept(beam.DoFn):
    """A DoFn whose default the signature has to name."""

    def process(self, element, window=beam.DoFn.WindowParam, *rest, named=1):
        yield element

    @classmethod
    def made(cls, size=3):
        return cls()


class Other(Kept):
    def process(self, element, factor=2):
        yield element


def test_they_are_those_of_beam_and_looked_up_once():
    asked = []
    plain = getattr(core.get_function_args_defaults, "__wrapped__", core.get_function_args_defaults)

    def signature(function):
        asked.append(function)
        return plain(function)

    remembered = remembering(signature)
    for _ in range(2):
        assert remembered(Kept().process) == (["element", "window"], [beam.DoFn.WindowParam])
        assert remembered(Other().process) == (["element", "factor"], [2])
        assert remembered(Kept.made) == remembered(Other.made) == (["size"], [3])
    assert len(asked) == 3
    # What a caller does with the lists is not remembered.
    remembered(Kept().process)[1].clear()
    assert remembered(Kept().process)[1] == [beam.DoFn.WindowParam]


def test_of_other_callables_nothing_is_kept():
    asked = []
    remembered = remembering(lambda function: (asked.append(function), []))
    for _ in range(2):
        remembered(len)
        remembered(Kept.process)
    assert asked == [len, Kept.process] * 2


def test_beam_itself_asks_for_them(monkeypatch):
    asked = []
    plain = getattr(core.get_function_args_defaults, "__wrapped__", core.get_function_args_defaults)
    monkeypatch.setattr(core, "get_function_args_defaults", lambda function: asked.append(function) or plain(function))
    remember_signatures()
    remembered = core.get_function_args_defaults
    remember_signatures()
    assert core.get_function_args_defaults is remembered
    assert get_dofn_specs(Kept()) == (set(), set())
    once = len(asked)
    assert once > 5
    assert get_dofn_specs(Kept()) == (set(), set())
    assert len(asked) == once
