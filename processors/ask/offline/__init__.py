"""The provider without a provider: a request comes in, a completion made by rules goes out. `provider` leads."""
