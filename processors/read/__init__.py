"""Paths in, documents with pages out. `pages` leads; every parse runs in the sandbox."""
