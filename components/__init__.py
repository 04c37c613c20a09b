"""One folder per TFX component, or module that a component runs."""
