"""What each command of `octavo` does beside parsing: flags, what the terminal shows, and the commands that are more than one call."""
