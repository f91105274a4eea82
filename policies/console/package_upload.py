"""A package's file goes from the form straight into its place on the disk, hashed on the way."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest

from policies.errors import PackageTooLarge
from policies.services.package_files import IncomingFile, check_room


class UploadedPackage(UploadedFile):
    """What the form gets: the whole file is on the disk, and hashed."""

    def __init__(self, incoming: IncomingFile, **facts: Any) -> None:
        super().__init__(file=incoming.stream, **facts)
        self.incoming = incoming

    def close(self) -> None:
        self.incoming.close()


class PackageUploadHandler(FileUploadHandler):
    """Takes one file; `refusal` says why it was not taken."""

    chunk_size = 1024 * 1024

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.refusal = ""
        self.incoming: IncomingFile | None = None

    def new_file(self, *args: Any, **options: Any) -> None:
        if self.incoming is not None:
            raise SkipFile
        super().new_file(*args, **options)
        try:
            check_room(self.content_length or 0)
            self.incoming = IncomingFile()
        except PackageTooLarge as error:
            self._refuse(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            if self.incoming is not None:
                self.incoming.write(raw_data)
        except PackageTooLarge as error:
            self._refuse(error)

    def _refuse(self, error: PackageTooLarge) -> None:
        self.refusal = str(error)
        self.upload_interrupted()
        # What is left is not read: it may be gigabytes.
        raise StopUpload(connection_reset=True)

    def file_complete(self, file_size: int) -> UploadedPackage | None:
        if self.incoming is None:
            return None
        return UploadedPackage(
            self.incoming,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
        )

    def upload_interrupted(self) -> None:
        if self.incoming is not None:
            self.incoming.close()
