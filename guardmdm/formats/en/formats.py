"""Day before month in letters, and hours to 24: the same in tables, on pages and in mails."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"
