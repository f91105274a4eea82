from django.db import models


class Round(models.Model):
    """How far a sweep has come that goes through a table again and again, a portion at a time."""

    name = models.CharField(max_length=40, primary_key=True)
    after = models.BigIntegerField(
        default=0, db_default=0, help_text="The key of the last row that was looked at."
    )

    def __str__(self) -> str:
        return f"{self.name} after {self.after}"
