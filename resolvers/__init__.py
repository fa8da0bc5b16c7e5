"""The federation itself: plain async functions over records; no Strawberry, no HTTP."""
