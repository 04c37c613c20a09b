"""The trainer: masked loss, language model, input pipeline, training and export."""
