"""One call to a provider: the request, the stream of its reply, what a refusal means, and what was billed."""
