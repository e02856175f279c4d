"""Windows and a question in, replies out, each paid once. `replies` leads."""
