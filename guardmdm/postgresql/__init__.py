"""Django's PostgreSQL, with a cheaper look at a kept connection and fewer indexes (see base)."""
