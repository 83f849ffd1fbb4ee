"""What a ledger's columns mean: said by a mapping, completed by guesses at the header."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from members.enums import MemberKind
from members.ingestion.tables import Dialect
from members.ingestion.values import ISO, currency_code

DEFAULT_SOURCE = "ledger"
# Header words, first come first served, compared without case, spaces, dashes and underscores.
MEMBER_GUESSES = {
    "id": "orgid memberid accountid organisationid organizationid companyid externalid id",
    "name": "name membername orgname organisation organization company account",
    "homepage": "homepageurl homepage website url web",
    "kind": "kind memberkind",
    "language": "language preferredlanguage locale",
    "zone": "timezone tz",
}
TERM_GUESSES = {
    "id": "membershipid termid id",
    "member": MEMBER_GUESSES["id"].removesuffix(" id") + " member",
    "tier": "tier membershiptier level membershiptype category",
    "start": "startdate startson start validfrom from",
    "end": "enddate endson end validto expires expirydate to",
    "dues": "annualdues dues annualamount annualfee",
    "amount": "amount amountpaid fee price",
    "months": "months termmonths",
    "currency": "currency currencycode",
    "base": "baseamount basedues basefee",
    "seats": "seats seatcount numberofseats",
    "seat_price": "seatprice priceperseat",
    "add_ons": "addonsamount addons addonamount",
    "discount": "discountamount discount",
    "provisional": "isprovisional provisional istrial trial",
}
FILE_KEYS = {"delimiter", "encoding", "decimal_comma", "thousands", "date_formats", "ignore"}


class MappingUnusable(Exception):
    """A mapping that says something unknown or impossible; the message says what."""


@dataclass(frozen=True, kw_only=True)
class FileMapping:
    """How one file is written, and which of its columns is what."""

    columns: Mapping[str, str]
    dialect: Dialect = field(default_factory=Dialect)
    decimal_comma: bool = False
    thousands: str = ""
    date_formats: tuple[str, ...] = (ISO,)
    ignore: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class LedgerMapping:
    """The meaning of a ledger's two files."""

    source: str
    members: FileMapping
    terms: FileMapping
    kind: str = ""
    kind_values: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""
    end_is_inclusive: bool = False
    term_months: int = 12

    @classmethod
    def parse(cls, written: Mapping[str, Any]) -> Self:
        """Return the mapping that a TOML document says, or raise ``MappingUnusable``."""
        known = {
            "source", "currency", "end_is", "term_months", "members", "terms",
        } | FILE_KEYS  # fmt: skip
        refuse_unknown(written, known, where="the mapping")
        members = table(written, "members")
        terms = table(written, "terms")
        refuse_unknown(
            members, {*MEMBER_GUESSES, "kind_is", "kind_values"} | FILE_KEYS, where="[members]"
        )
        refuse_unknown(terms, {*TERM_GUESSES} | FILE_KEYS, where="[terms]")
        end_is = one_of(written, "end_is", ("exclusive", "inclusive"))
        kinds = {
            said: one_of(table(members, "kind_values"), said, MemberKind.values)
            for said in table(members, "kind_values")
        }
        months = written.get("term_months", 12)
        if not isinstance(months, int) or isinstance(months, bool) or months < 1:
            raise MappingUnusable("term_months is a whole number of months.")
        return cls(
            source=text(written, "source") or DEFAULT_SOURCE,
            members=file_mapping(written, members, MEMBER_GUESSES),
            terms=file_mapping(written, terms, TERM_GUESSES),
            kind=one_of(members, "kind_is", ("", *MemberKind.values)),
            kind_values=kinds,
            currency=_currency(text(written, "currency")),
            end_is_inclusive=end_is == "inclusive",
            term_months=months,
        )


def file_mapping(
    common: Mapping[str, Any], section: Mapping[str, Any], columns: Iterable[str]
) -> FileMapping:
    """Return one file's part; what the section says wins over what is said for all files."""
    both = {key: value for key, value in {**common, **section}.items() if key in FILE_KEYS}
    decimal_comma = both.get("decimal_comma", False)
    if not isinstance(decimal_comma, bool):
        raise MappingUnusable("decimal_comma is true or false.")
    delimiter = text(both, "delimiter")
    if len(delimiter) > 1:
        raise MappingUnusable("delimiter is one character.")
    return FileMapping(
        columns={key: text(section, key) for key in columns if key in section},
        dialect=Dialect(
            delimiter=delimiter, encoding=_encoding(text(both, "encoding") or "utf-8")
        ),
        decimal_comma=decimal_comma,
        thousands=text(both, "thousands"),
        date_formats=texts(both, "date_formats") or (ISO,),
        ignore=frozenset(texts(both, "ignore")),
    )


def locate(
    mapping: FileMapping,
    header: Sequence[str],
    guesses: Mapping[str, str],
    *,
    file: str,
    required: Iterable[str],
) -> dict[str, int]:
    """Return the position of each column that the file has, by what it means.

    A column named in the mapping must exist. One that is not named is guessed by its header,
    unless that header is spoken for. Raises ``MappingUnusable`` when a required one is missing.
    """
    places = {}
    for meaning, column in mapping.columns.items():
        if column not in header:
            there = ", ".join(filter(None, header))
            raise MappingUnusable(
                f"{file} has no column {column!r} ({meaning}). It has: {there}."
            )
        places[meaning] = header.index(column)
    squeezed = ["".join(c for c in column.lower() if c.isalnum()) for column in header]
    for meaning, words in guesses.items():
        for word in words.split() if meaning not in mapping.columns else ():
            if word in squeezed and squeezed.index(word) not in places.values():
                places[meaning] = squeezed.index(word)
                break
    for meaning in required:
        if meaning not in places:
            raise MappingUnusable(
                f"{file}: no column is known to be the {meaning}; name it in the mapping."
            )
    return places


def refuse_unknown(written: Mapping[str, Any], known: set[str], *, where: str) -> None:
    """Raise ``MappingUnusable`` for a key that means nothing: most often a slip of the pen."""
    if unknown := sorted(set(written) - known):
        raise MappingUnusable(
            f"{where} does not know {', '.join(unknown)}. It knows: {', '.join(sorted(known))}."
        )


def table(written: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the table called ``key``, empty when absent."""
    value = written.get(key, {})
    if not isinstance(value, Mapping):
        raise MappingUnusable(f"{key} is a table.")
    return value


def text(written: Mapping[str, Any], key: str) -> str:
    """Return the text called ``key``, empty when absent."""
    value = written.get(key, "")
    if not isinstance(value, str):
        raise MappingUnusable(f"{key} is a text in quotes.")
    return value


def texts(written: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the list of texts called ``key``; a single text is a list of one."""
    value = written.get(key, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MappingUnusable(f"{key} is a list of texts.")
    return tuple(value)


def one_of(written: Mapping[str, Any], key: str, choices: Sequence[str]) -> str:
    """Return the word called ``key``, the first of ``choices`` when absent."""
    value = text(written, key) if key in written else choices[0]
    if value not in choices:
        raise MappingUnusable(f"{key} is one of: {', '.join(filter(None, choices))}.")
    return value


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise MappingUnusable(f"encoding {name!r} is unknown.") from error
    return "utf-8-sig" if name.lower().replace("_", "-") in {"utf-8", "utf8"} else name


def _currency(code: str) -> str:
    try:
        return currency_code(code) if code else ""
    except ValueError as error:
        raise MappingUnusable(f"currency {code!r} is {error}.") from error
