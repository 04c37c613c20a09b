"""What is checked before the first node runs, so that a run that cannot succeed ends at once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..components.text_example_gen.inputs import InputError, check_inputs
from .config import PipelineConfig
from .errors import ConfigurationError
from .terminal import output_to


def check_run(config: PipelineConfig) -> None:
    """Checks the input files and the output folder of a configuration.

    Args:
        config: A checked configuration.

    Raises:
        ConfigurationError: Names what is wrong and the remedy.
    """
    if not config.data.files and not config.data.splits:
        raise ConfigurationError("data: no input; give --data FILE, or set data.files or data.splits")
    try:
        check_inputs(
            files=config.data.files or None,
            splits=config.data.splits or None,
            hash_buckets=config.hash_buckets(),
            text_field=config.data.text_field,
        )
    except InputError as error:
        raise ConfigurationError(str(error)) from error
    if config.vocabulary.file is not None:
        # Imports TensorFlow, so only where it is needed, and without its start-up messages.
        with output_to(Path(os.devnull)):
            from ..transform.vocabulary import check_pinned_vocabulary
        try:
            check_pinned_vocabulary(config.vocabulary.file)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
    _check_writable(Path(config.output))


def _check_writable(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=output):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(f"output={output}: cannot be written ({reason}); set --output") from error
