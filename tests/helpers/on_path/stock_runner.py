"""The pipeline of a configuration on TFX's own local runner, as `tfx pipeline create --engine local` takes it.

`TFX_LM_CONFIG` names the configuration.
"""

import os

from tfx import v1 as tfx
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.pipeline import create_pipeline

if __name__ == "__main__":
    tfx.orchestration.LocalDagRunner().run(create_pipeline(load_config(os.environ["TFX_LM_CONFIG"])))
