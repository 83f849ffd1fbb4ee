"""Files that members and their managers attach: which are taken, and under what name kept."""

import uuid
import zipfile
from pathlib import PurePath
from typing import IO, Any

from django.core.files import File
from django.utils.translation import gettext as _

LARGEST = 10 * 1024 * 1024
HEAD = 16
LONGEST_NAME = 150
ZIP = b"PK\x03\x04"
BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "webp": (b"RIFF",),
    "docx": (ZIP,),
    "xlsx": (ZIP,),
}
INSIDE = {"docx": "word/", "xlsx": "xl/"}
CONTENT_TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "txt": "text/plain; charset=utf-8",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class BadAttachment(ValueError):
    """The file is not taken; the message says why in words for a page."""


def check(attachment: "File[Any]") -> str:
    """Return the ending under which a file is kept, judged by its name and its content.

    Raises ``BadAttachment`` for one that is empty, larger than 10 MB, of another kind, or that
    is not what its name says.
    """
    ending = PurePath(attachment.name or "").suffix.lower().removeprefix(".")
    if ending not in CONTENT_TYPES:
        raise BadAttachment(_("Attach a PDF, PNG, JPG, WEBP, TXT, DOCX or XLSX file."))
    if not attachment.size:
        raise BadAttachment(_("The file is empty."))
    if attachment.size > LARGEST:
        raise BadAttachment(_("The file is larger than 10 MB."))
    attachment.seek(0)
    is_so = _is_text(attachment) if ending == "txt" else _is(ending, attachment)
    attachment.seek(0)
    if not is_so:
        raise BadAttachment(_("The file is not what its name says. Save it again and retry."))
    return ending


def kept_name(ending: str) -> str:
    """Return a random name to keep a file under, so that nobody can guess or overwrite one."""
    return f"{uuid.uuid4().hex}.{ending}"


def shown_name(attachment: "File[Any]") -> str:
    """Return the name its owner gave the file, without folders and not too long."""
    name = PurePath((attachment.name or "").replace("\\", "/")).name
    return "".join(letter for letter in name if letter.isprintable())[-LONGEST_NAME:]


def content_type(name: str) -> str:
    """Return what a kept file is to be served as; never what a browser might guess."""
    ending = PurePath(name).suffix.lower().removeprefix(".")
    return CONTENT_TYPES.get(ending, "application/octet-stream")


def _is(ending: str, attachment: "File[Any]") -> bool:
    head = attachment.read(HEAD)
    if not head.startswith(BEGINNINGS[ending]):
        return False
    if ending == "webp":
        return bool(head[8:12] == b"WEBP")
    if ending in INSIDE:
        return _is_office(attachment, INSIDE[ending])
    return True


def _is_office(attachment: "File[Any]", folder: str) -> bool:
    """Only the list of what is inside is read; nothing is unpacked."""
    try:
        with zipfile.ZipFile(_seekable(attachment)) as inside:
            names = inside.namelist()
    except (zipfile.BadZipFile, ValueError, OSError):
        return False
    return "[Content_Types].xml" in names and any(name.startswith(folder) for name in names)


def _seekable(attachment: "File[Any]") -> IO[bytes]:
    attachment.seek(0)
    content: IO[bytes] = attachment.file if attachment.file is not None else attachment
    return content


def _is_text(attachment: "File[Any]") -> bool:
    content = attachment.read(LARGEST + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return "\x00" not in text
