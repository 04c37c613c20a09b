"""TextTransform: the component that turns text into ids."""
