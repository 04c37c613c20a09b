"""The entry point that TFX's Tuner calls, by its import path."""

from __future__ import annotations

from typing import Any

from tfx.components.tuner.component import TunerFnResult

from ... import __version__
from ...errors import SettingError
from ...model.options import TrainerOptions
from ...transform.options import TextOptions
from ..trainer.cluster import cluster_of
from .options import TunerOptions, check_space
from .trials import Trials


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Prepares a search.

    Args:
        fn_args: TFX's `FnArgs`. Used are `train_files` and `eval_files` (patterns of transformed examples),
            `transform_graph_path`, `working_dir` and `custom_config`: `trainer` (see `TrainerOptions`), `transform`
            (the Transform component's own `custom_config`), `tuner` (see `TunerOptions`) and, optional,
            `search_directory`, a folder that stays the same when the orchestrator starts the node again.

    Returns:
        The tuner, and no arguments for its trials.

    Raises:
        SettingError: An option cannot be used.
    """
    config = fn_args.custom_config
    trainer = TrainerOptions.from_config(config["trainer"])
    if trainer.workers > 1 or cluster_of(trainer).several:
        raise SettingError(
            f"{{trials}}={config['tuner'].get('trials')}: trials train in one process; set {{workers}}=1, and unset "
            "TF_CONFIG"
        )
    options = TunerOptions.parse(config["tuner"])
    check_space(options, trainer)
    # Not the options of the search: with other ones, it goes on with the trials that it has in common.
    identity = {
        "version": __version__,
        "trainer": trainer.identity(),
        "transform": config["transform"],
        "transform_output": fn_args.transform_graph_path,
        "files": [[*fn_args.train_files], [*fn_args.eval_files]],
    }
    trials = Trials(
        options,
        trainer,
        TextOptions.from_custom_config(config["transform"]),
        {"train": [*fn_args.train_files], "eval": [*fn_args.eval_files]},
        fn_args.transform_graph_path,
        config.get("search_directory") or fn_args.working_dir,
        identity,
    )
    return TunerFnResult(tuner=trials, fit_kwargs={})
