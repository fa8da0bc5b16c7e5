"""Tables that people hand in, and mappings that say what their columns mean."""
