"""GetCACaps (RFC 8894 section 3.5.2): exactly what is accepted, so that no client guesses."""

ALWAYS = ("POSTPKIOperation", "Renewal", "SHA-256", "SHA-512", "AES", "SCEPStandard")
LEGACY = ("SHA-1", "DES3")
NEXT_CA = "GetNextCACert"


def build_capabilities(*, allow_legacy: bool, has_next_ca: bool) -> str:
    """Return the answer, one capability a line."""
    legacy = LEGACY if allow_legacy else ()
    return "\n".join((*ALWAYS, *legacy, *([NEXT_CA] if has_next_ca else []))) + "\n"
