"""The component that turns text files into Examples."""
