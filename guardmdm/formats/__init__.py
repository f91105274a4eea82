"""How dates are written, by language; Django's own formats where nothing stands here."""
