"""GetCACaps (RFC 8894 section 3.5.2): exactly what is accepted, so that no client guesses."""

ALWAYS = ("POSTPKIOperation", "SHA-256", "SHA-512", "AES", "SCEPStandard")
LEGACY = ("SHA-1", "DES3")


def build_capabilities(*, allow_legacy: bool) -> str:
    """Return the answer, one capability a line."""
    return "\n".join((*ALWAYS, *(LEGACY if allow_legacy else ()))) + "\n"
