"""The languages of the enrollment page, of its mails and posters: those of enrollment/locale."""

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ja": "日本語"}
"""By its code, what a language is called in itself. The first is what the texts are written in."""
