"""The texts of names and challenges, as clients write them.

Of many a client the tag says little: a PrintableString holds an underscore, an `@` or UTF-8, a
TeletexString (T61String) holds Latin-1, as OpenSSL's does too. Only BMPString and UniversalString
are always what they say.
"""

TELETEX_STRING, IA5_STRING, UNIVERSAL_STRING, BMP_STRING = 0x14, 0x16, 0x1C, 0x1E
WIDE = {UNIVERSAL_STRING: "utf-32-be", BMP_STRING: "utf-16-be"}


def decode_text(contents: bytes, *, tag: int) -> str:
    """Return what stands in a string of this universal tag; raises ValueError for a wide one."""
    if tag in WIDE:
        return contents.decode(WIDE[tag])
    try:
        return contents.decode()
    except UnicodeDecodeError:
        return contents.decode("latin-1")
