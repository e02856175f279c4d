"""How fast to ask: calls in flight, requests and tokens a minute, pauses after refusals, shared between processes."""
