"""Words in the reader's language, for modules that may not know Django.

The engine and the conditions say whole sentences with named parts, as messages of gettext. What
translates them is given once, by the kernel's app; without it they are said as written. Asked
each time something is said, so the language is the one of that moment.
"""

from calendar import month_name
from collections.abc import Iterable
from datetime import date
from functools import reduce
from gettext import NullTranslations
from typing import Protocol


class Voice(Protocol):
    """What translates messages, such as ``django.utils.translation``."""

    def gettext(self, message: str, /) -> str: ...
    def ngettext(self, singular: str, plural: str, number: int, /) -> str: ...
    def pgettext(self, context: str, message: str, /) -> str: ...


_voices: list[Voice] = [NullTranslations()]


def speak_with(voice: Voice) -> None:
    """Have everything said from now on translated by ``voice``."""
    _voices[:] = [voice]


def gettext(message: str) -> str:
    """Return a message in the language of the moment."""
    return _voices[0].gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the message for a number of something, in the language of the moment."""
    return _voices[0].ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """Return a message that has several meanings, in the language of the moment."""
    return _voices[0].pgettext(context, message)


def gettext_noop(message: str) -> str:
    """Mark a message that is declared here and translated where it is said."""
    return message


COMMA = gettext_noop("%(first)s, %(next)s")


def inside(label: str) -> str:
    """Return a label as it stands inside a sentence.

    With a small letter, but for abbreviations, unless the language keeps its capitals, as
    German does: its translators answer "no".
    """
    small = pgettext("whether labels begin with a small letter inside a sentence", "yes")
    return label[:1].lower() + label[1:] if small == "yes" and label[1:2].islower() else label


def listed(texts: Iterable[str]) -> str:
    """Return texts one after another, as in an enumeration; blank for none."""
    return joined(texts, COMMA)


def joined(texts: Iterable[str], message: str) -> str:
    """Return texts made into one, two at a time, by a message about *first* and *next*."""
    said = list(texts)
    return reduce(lambda a, b: gettext(message) % {"first": a, "next": b}, said) if said else ""


def spoken_day(day: date) -> str:
    """Return a day as in "29 July 2026"."""
    return gettext("%(day)s %(month)s %(year)s") % {
        "day": day.day,
        "month": pgettext("alt. month", month_name[day.month]),
        "year": day.year,
    }
