"""Properties of a starting model: of StartingModel's execution, and custom ones of its artifact."""

from __future__ import annotations

# The folder of the model, empty if there was none. Of both; the driver adds it to the execution.
STARTING_MODEL = "starting_model"
# "yes" if that model was trained on the input of the run, since those before it are gone; otherwise empty. Of both.
SAME_INPUT = "same_input"
# The digest of the model, see `model_copy.model_digest`, so that another one under the same path is another cache key.
MODEL_DIGEST = "model_digest"
# The digest of the input of the run, which the Trainer stores in the new model.
EXAMPLES_DIGEST = "examples_digest"
