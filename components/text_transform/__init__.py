"""The component that turns text into ids."""
