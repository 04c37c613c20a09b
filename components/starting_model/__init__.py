"""StartingModel: the model from which a training starts."""
