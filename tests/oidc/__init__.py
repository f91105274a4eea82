"""An identity provider for tests (OpenID Connect), which shares no code with the server."""
