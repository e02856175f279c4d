"""One SELECT in, rows out, read-only and in a process of its own. `sql` leads."""
