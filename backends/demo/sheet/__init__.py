"""Annotation tables loaded as a study of the embedded installation; `loader.py` is the door."""
