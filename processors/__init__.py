"""What is done to things: one room a verb (read, pack, ask, check, store, query). Rooms never import each other."""
