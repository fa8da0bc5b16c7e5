"""The command line's groups, one noun a file, and what they share: access and output."""
