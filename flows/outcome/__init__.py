"""What a run read and asked in; how it ended out: an exit code, sentences, a page for people, and its row in `runs`."""
