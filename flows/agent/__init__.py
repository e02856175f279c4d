"""Questions in words: a question and an output folder come in, an answer with its SQL and pages goes out. `answering_loop` leads."""
