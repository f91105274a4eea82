"""What a device takes for a wallpaper."""

from devices.errors import CommandInvalid

# How every file of these kinds begins.
BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def check_picture(data: bytes) -> bytes:
    """Return the file; raises CommandInvalid unless it is PNG or JPEG."""
    if not data.startswith(BEGINNINGS):
        raise CommandInvalid("must be a PNG or JPEG file")
    return data
