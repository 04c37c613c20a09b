"""The command `tfx-lm`: one file for each of its commands."""
