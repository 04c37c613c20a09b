"""Views of Beam's options, remembered."""

import copy
import gc
import pickle
import weakref

import pytest
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, SetupOptions
from tfx_lm.pipelines.beam.option_views import remember_option_views


def test_a_view_is_made_once_and_shares_its_values():
    remember_option_views()
    options = PipelineOptions(["--direct_num_workers=3", "--save_main_session"])
    view = options.view_as(DirectOptions)
    assert options.view_as(DirectOptions) is view
    assert view.direct_num_workers == 3
    view.direct_num_workers = 4
    setup = view.view_as(SetupOptions)
    assert setup.save_main_session
    assert setup.view_as(DirectOptions).direct_num_workers == options.view_as(DirectOptions).direct_num_workers == 4
    assert options.get_all_options(drop_default=True) == {"direct_num_workers": 4, "save_main_session": True}


def test_other_options_of_the_same_arguments_have_views_of_their_own():
    remember_option_views()
    first, second = PipelineOptions(["--direct_num_workers=3"]), PipelineOptions(["--direct_num_workers=3"])
    first.view_as(DirectOptions).direct_num_workers = 1
    for other in (second, copy.deepcopy(second), pickle.loads(pickle.dumps(second))):
        assert other.view_as(DirectOptions).direct_num_workers == 3


@pytest.mark.slow
def test_the_views_go_with_the_options():
    remember_option_views()
    options = PipelineOptions([])
    view = weakref.ref(options.view_as(DirectOptions))
    del options
    gc.collect()
    assert view() is None


def test_a_second_call_changes_nothing():
    remember_option_views()
    remembering = PipelineOptions.view_as
    remember_option_views()
    assert PipelineOptions.view_as is remembering
