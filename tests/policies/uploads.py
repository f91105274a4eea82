"""An upload as the doors make it: a file that arrived in portions."""

from policies.models import Package
from policies.services.package_files import IncomingFile
from policies.services.packages import add_package


def upload_package(data: bytes, *, file_name: str = "", portion: int = 100_000) -> Package:
    """Named .ipa or .pkg by how it begins."""
    incoming = IncomingFile()
    for at in range(0, len(data), portion):
        incoming.write(data[at : at + portion])
    suffix = "pkg" if data.startswith(b"xar!") else "ipa"
    return add_package(incoming, file_name=file_name or f"upload.{suffix}", actor="tests")
