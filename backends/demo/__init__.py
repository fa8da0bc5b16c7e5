"""The embedded backends: the demonstration and the test double, one and the same."""
