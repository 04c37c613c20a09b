"""TFX components, one folder each, and the modules that several of them share."""
