"""What the embedded openBIS lets its callers change: one module per family of entities."""
