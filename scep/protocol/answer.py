from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a SCEP operation is answered with 200: the body and its media type."""

    body: bytes
    content_type: str
