"""What the columns of a file of facts mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from members.ingestion.mapping import (
    FILE_KEYS,
    FileMapping,
    MappingUnusable,
    file_mapping,
    refuse_unknown,
    table,
    text,
    texts,
)

GUESSES = {
    "id": "factid eventid messageid id",
    "member": "orgid memberid accountid organisationid organizationid member",
    "person": "person personid userid",
    "date": "date occurredon day",
}
JOINED = "/"  # between the values of several columns that together say the kind


@dataclass(frozen=True, kw_only=True)
class FactMapping:
    """The meaning of one file of facts.

    The kind is ``kind_is``, or what ``kind_values`` makes of the columns ``kind``. A fact
    without an id of its own is known by the columns ``id_from``.
    """

    source: str
    member_source: str
    file: FileMapping
    kind_is: str = ""
    kind: tuple[str, ...] = ()
    kind_values: Mapping[str, str] = field(default_factory=dict)
    subject: tuple[str, ...] = ()
    subject_values: Mapping[str, str] = field(default_factory=dict)
    id_from: tuple[str, ...] = ()

    @classmethod
    def parse(cls, written: Mapping[str, Any]) -> Self:
        """Return the mapping that a TOML document says, or raise ``MappingUnusable``."""
        refuse_unknown(
            written, {"source", "member_source", "facts"} | FILE_KEYS, where="the mapping"
        )
        facts = table(written, "facts")
        refuse_unknown(
            facts,
            {*GUESSES, "kind_is", "kind", "kind_values", "subject", "subject_values", "id_from"}
            | FILE_KEYS,
            where="[facts]",
        )
        source = text(written, "source")
        if not source:
            raise MappingUnusable("source names the system that the facts come from.")
        mapping = cls(
            source=source,
            member_source=text(written, "member_source") or source,
            file=file_mapping(written, facts, GUESSES),
            kind_is=text(facts, "kind_is"),
            kind=texts(facts, "kind"),
            kind_values=_words(facts, "kind_values"),
            subject=texts(facts, "subject"),
            subject_values=_words(facts, "subject_values"),
            id_from=texts(facts, "id_from"),
        )
        if bool(mapping.kind_is) == bool(mapping.kind):
            raise MappingUnusable("[facts] says either kind_is or kind.")
        return mapping


def _words(section: Mapping[str, Any], key: str) -> dict[str, str]:
    words = table(section, key)
    return {said: text(words, said) for said in words}
