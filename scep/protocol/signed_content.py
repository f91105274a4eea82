"""What a CMS envelope carries, where its signature is no reason to trust it."""

from asn1crypto import cms


class SignedContentInvalid(ValueError):
    """The bytes are not CMS SignedData with content in it."""


def extract_signed_content(data: bytes) -> bytes:
    """Return the content of attached CMS SignedData (RFC 5652 section 5), DER or BER.

    The signature is NOT verified: for files that a person hands over and answers for.
    Raises SignedContentInvalid.
    """
    try:
        envelope = cms.ContentInfo.load(data, strict=True)
        if envelope["content_type"].native != "signed_data":
            raise SignedContentInvalid("this is CMS, but not signed data")
        content = envelope["content"]["encap_content_info"]["content"].native
    except (ValueError, TypeError, KeyError, IndexError) as error:
        # asn1crypto is lazy: whatever is wrong inside comes up at access, as one of these.
        raise SignedContentInvalid(f"this is not CMS signed data ({error})") from error
    if not isinstance(content, bytes):
        raise SignedContentInvalid("the signature is detached: the content is missing")
    return content
