"""Rows that outlive a run: a path and the steps of a schema in, an open database out. `database` leads; other rooms stand on it."""
