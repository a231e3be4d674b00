"""Templates of the dataset card and the model card, read with `importlib.resources`."""
