"""Files in; readings out, made in processes of their own that may be killed, run out of memory or lie."""
