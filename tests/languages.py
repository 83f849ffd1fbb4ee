"""Catalogues of made-up languages, to see that sentences are translated, and whole."""

import struct
from collections.abc import Mapping


def catalogue(folder, *, language, messages: Mapping[str, str]):
    """Write a catalogue that ``LOCALE_PATHS`` may name; return its folder.

    A message with a plural is keyed by both of its forms with ``\\0`` between, one in a context
    by the context, ``\\4`` and the message, as in the file format of GNU gettext.
    """
    head = {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
    }
    pairs = sorted(
        (key.encode(), said.encode()) for key, said in (head | dict(messages)).items()
    )
    tables, texts = [], b""
    start = 28 + 16 * len(pairs)
    for column in (0, 1):
        table = b""
        for pair in pairs:
            table += struct.pack("<II", len(pair[column]), start + len(texts))
            texts += pair[column] + b"\0"
        tables.append(table)
    header = struct.pack(
        "<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start + len(texts)
    )
    place = folder / language / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "django.mo").write_bytes(header + b"".join(tables) + texts)
    return folder
