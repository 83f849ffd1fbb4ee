"""The words of messages: which of them a reader gets, their gaps filled, kept and tried out."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.formats import date_format, number_format
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import override

from communications.engine import rendering
from communications.enums import Purpose, VariableKind
from communications.models import Message, MessageTemplate, Preference, TemplateVariant, Topic
from communications.services import outbox, preferences
from members.models import Person, User
from members.services import audit

SHOWN_BLOCKED = 20
MOST_READERS = 1000  # that a page looks at; where there are more, it says so
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
MARK = "[{name}]"
LANGUAGE_TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"


class MissingVariable(LookupError):
    """A name in a template has no value."""


class NotPossible(ValueError):
    """The words cannot be kept like this; ``reasons`` says why, one sentence each."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


class KeyTaken(NotPossible):
    """Something else is known by this key."""


class Overtaken(Exception):
    """Somebody else has changed the words since they were read."""


@dataclass(frozen=True)
class Words:
    """What one sort of reader gets; blank persona and language: everybody."""

    subject: str
    body: str
    persona: str = ""
    language: str = ""


@dataclass(frozen=True)
class Variable:
    """A gap that the words may have: its name, sort, what it is, and what it could say."""

    name: str
    kind: VariableKind = VariableKind.TEXT
    label: str = ""
    example: str = ""


@dataclass(frozen=True)
class Preview:
    """A message as a reader would get it; gaps without a value stand in brackets."""

    subject: str
    body: str
    html: str
    words: Words
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A member whom an upper app would write to with a template, and how it fills the gaps."""

    member_id: int
    public_id: UUID
    name: str
    person: Person | None
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Blocked:
    """Of how many readers, for how many each gap has no value, and the first of them."""

    readers: int
    blocked: int
    by_name: Mapping[str, int]
    first: tuple[tuple[Reader, tuple[str, ...]], ...]
    is_cut: bool = False


class Audience(Protocol):
    """Tells who would be written to with a template, as the upper app would do it today."""

    def __call__(
        self, *, template: MessageTemplate, on: date, member_id: int | None, limit: int
    ) -> Sequence[Reader]: ...


class Audiences:
    """Upper apps that write to members with templates, by name."""

    def __init__(self) -> None:
        self._audiences: dict[str, Audience] = {}

    def register(self, name: str, audience: Audience) -> None:
        """Ask ``audience`` about every template; the same name again replaces it."""
        self._audiences[name] = audience

    def unregister(self, name: str) -> None:
        self._audiences.pop(name, None)

    def readers(
        self, *, template: MessageTemplate, on: date, member_id: int | None = None
    ) -> list[Reader]:
        """Return whom the upper apps would write to, or what one member would get.

        Each app names ``MOST_READERS`` at most, by name.
        """
        return [
            reader
            for audience in self._audiences.values()
            for reader in audience(
                template=template, on=on, member_id=member_id, limit=MOST_READERS
            )
        ]


audiences = Audiences()


def variant_for(template: MessageTemplate, *, persona: str, language: str) -> Words:
    """Return the words for a reader: of their sort and language, language, sort, or anybody's.

    A language with a region (``de-AT``) also takes words in the language alone (``de``).
    """
    written = {(one.persona, one.language): one for one in template.variants.all()}
    return _nearest(template, written, persona=persona, language=language)


def variables_of(template: MessageTemplate) -> tuple[Variable, ...]:
    """Return the gaps that the template declares; a sort that is not known is words."""
    return tuple(
        Variable(
            name=str(said["name"]),
            kind=VariableKind(said["kind"])
            if said.get("kind") in VariableKind.values
            else VariableKind.TEXT,
            label=str(said.get("label", "")),
            example=str(said.get("example", "")),
        )
        for said in template.variables
    )


def examples_of(template: MessageTemplate) -> dict[str, Any]:
    """Return by name what each gap that the template declares could say."""
    return {each.name: each.example for each in variables_of(template)}


def as_read_by(template: MessageTemplate, *, member_id: int, on: date) -> Reader | None:
    """Return how an upper app would write to a member with the template; null: it would not.

    The first app that knows the member. Callers have checked that they may see them.
    """
    found = audiences.readers(template=template, on=on, member_id=member_id)
    return found[0] if found else None


def ensure(
    *,
    key: str,
    words: Mapping[str, Any],
    gaps: Mapping[str, tuple[str, str]],
    purpose: Purpose = Purpose.PROMISED,
) -> MessageTemplate:
    """Return the template by a key, made of ``words`` where there is none.

    One that is there stays as it is. ``words`` are its title, subject and body; ``gaps`` what
    each gap is and what it could say: those that the words have are declared, so that it can
    be read and tried with examples. Safe to repeat.
    """
    names = rendering.names_in(words["subject"], words["body"])
    declared = [
        asdict(Variable(name=name, label=gaps[name][0], example=gaps[name][1]))
        for name in names
        if name in gaps
    ]
    found, _is_new = MessageTemplate.objects.get_or_create(
        key=key, defaults={"purpose": purpose, "variables": declared} | dict(words)
    )
    return found


def missing(template: MessageTemplate, variables: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the gaps of any of the template's words for which there is no value, in order."""
    texts = [template.subject, template.body]
    for variant in template.variants.all():
        texts += [variant.subject, variant.body]
    return rendering.missing(*texts, variables=variables)


def fill(
    template: MessageTemplate, words: Words, *, variables: Mapping[str, Any], language: str
) -> tuple[str, str]:
    """Return subject and body with every gap filled, days and numbers as the reader says them.

    Null and blank are no value: raises ``MissingVariable`` with the names of such gaps.
    """
    if gaps := rendering.missing(words.subject, words.body, variables=variables):
        raise MissingVariable(", ".join(gaps))
    values = _values(template, variables=variables, language=language)
    return (
        rendering.fill(words.subject, values=values),
        rendering.fill(words.body, values=values),
    )


def in_words(value: Any, *, kind: VariableKind, language: str) -> str:
    """Return ``value`` as somebody says it in ``language``; what is no day or number, as it is.

    Days are ISO dates, numbers have a point before their fraction.
    """
    text = str(value)
    with override(language or settings.LANGUAGE_CODE):
        if kind == VariableKind.DATE:
            try:
                day = date.fromisoformat(text[:10])
            except ValueError:
                return text
            return date_format(day, "DATE_FORMAT")
        if kind == VariableKind.NUMBER:
            try:
                number = Decimal(text)
            except InvalidOperation:
                return text
            return str(number_format(number, force_grouping=True))
    return text


def footer(*, person: Person, language: str = "") -> str:
    """Return the lines under a message that need not be: why it came, and how to stop it."""
    with override(language or settings.LANGUAGE_CODE):
        lines = [
            "-- ",
            _("You get this because you are with %(association)s.")
            % {"association": settings.WAYMARK_ASSOCIATION},
            _("Choose what you hear from us, or stop it: %(address)s")
            % {"address": preferences.page_address(person)},
        ]
    if settings.WAYMARK_CONTACT:
        lines.append(settings.WAYMARK_CONTACT)
    return "\n".join(lines) + "\n"


def html(*, subject: str, body: str, footer: str = "", language: str = "") -> str:
    """Return the formatted part of a message: the same words, with paragraphs and links."""
    said = footer.removeprefix("-- \n")
    return render_to_string(
        "communications/mail.html",
        {
            "subject": subject,
            "paragraphs": _safe(body),
            "footer": _safe(said),
            "language": language or settings.LANGUAGE_CODE,
        },
    )


def preview(
    template: MessageTemplate,
    *,
    variables: Mapping[str, Any],
    persona: str = "",
    language: str = "",
    footer: str = "",
) -> Preview:
    """Return the message as such a reader would get it, and which gaps would stop it."""
    words = variant_for(template, persona=persona, language=language)
    values = _values(template, variables=variables, language=language)
    gaps = rendering.missing(words.subject, words.body, variables=variables)
    values |= {name: MARK.format(name=name) for name in gaps}
    subject = rendering.fill(words.subject, values=values)
    body = rendering.fill(words.body, values=values)
    return Preview(
        subject=subject,
        body=body,
        html=html(subject=subject, body=body, footer=footer, language=words.language),
        words=words,
        missing=gaps,
    )


def blocked(template: MessageTemplate, *, readers: Sequence[Reader]) -> Blocked:
    """Return for whom of ``readers`` a gap has no value: all counted, the first named.

    Each is judged by the words that they would get. ``is_cut`` says that there may be more
    readers than the ``audiences`` named. Two statements, however many there are.
    """
    people = [reader.person.pk for reader in readers if reader.person]
    said = {row.person_id: row for row in Preference.objects.filter(person__in=people)}
    written = {(one.persona, one.language): one for one in template.variants.all()}
    found: list[tuple[Reader, tuple[str, ...]]] = []
    names: Counter[str] = Counter()
    for reader in readers:
        wish = said.get(reader.person.pk) if reader.person else None
        words = _nearest(
            template,
            written,
            persona=wish.persona if wish else "",
            language=(wish.language if wish else "") or settings.LANGUAGE_CODE,
        )
        gaps = rendering.missing(words.subject, words.body, variables=reader.variables)
        if gaps:
            names.update(gaps)
            found.append((reader, gaps))
    return Blocked(
        readers=len(readers),
        blocked=len(found),
        by_name=dict(names.most_common()),
        first=tuple(found[:SHOWN_BLOCKED]),
        is_cut=len(readers) >= MOST_READERS,
    )


def fingerprint(template: MessageTemplate) -> str:
    """Return what tells one state of a template's words from another."""
    return hashlib.sha256(json.dumps(_state(template), sort_keys=True).encode()).hexdigest()


@transaction.atomic
def save(  # noqa: PLR0913  # a template has that many parts
    *,
    template: MessageTemplate | None,
    key: str = "",
    title: str,
    subject: str,
    body: str,
    purpose: str,
    topic: Topic | None,
    variables: Sequence[Variable],
    variants: Sequence[Words] = (),
    seen: str = "",
    by: User,
    at: datetime,
) -> MessageTemplate:
    """Keep the words of ``template``, or of a new one by ``key``; messages sent stay as sent.

    What waits in the outbox goes out with the new words. ``seen`` is the ``fingerprint`` that
    was read before; blank: whatever is there. Raises ``Overtaken``, ``KeyTaken``, and
    ``NotPossible`` where words have a gap that is not declared, a declaration makes no sense,
    or a variant is said twice. Saving the same again writes nothing.
    """
    row = (
        MessageTemplate.objects.select_for_update().get(pk=template.pk)
        if template
        else MessageTemplate(key=key)
    )
    if template and seen and fingerprint(row) != seen:
        raise Overtaken("Somebody has written these words anew since you read them.")
    if template is None and MessageTemplate.objects.filter(key=key).exists():
        raise KeyTaken(_("There is a template by this name."))
    base = Words(subject=subject.strip(), body=body)
    _require_possible(base, variables=variables, variants=variants)
    before = _state(row) if template else None
    row.title, row.subject, row.body = title.strip(), base.subject, base.body
    row.purpose, row.topic = Purpose(purpose), topic
    row.variables = [
        {**asdict(each), "kind": VariableKind(each.kind).value} for each in variables
    ]
    row.save()
    row.variants.all().delete()
    TemplateVariant.objects.bulk_create(
        TemplateVariant(
            template=row,
            persona=each.persona,
            language=each.language,
            subject=each.subject.strip(),
            body=each.body,
        )
        for each in variants
    )
    after = _state(row)
    if after != before:
        audit.record(
            verb="template.saved" if before else "template.added",
            subject=row,
            member_id=None,
            summary=f"The words of “{row}” were written",
            before=before,
            after=after,
            by=by,
            at=at,
        )
    return row


@transaction.atomic
def retire(*, template: MessageTemplate, is_retired: bool, by: User, at: datetime) -> None:
    """Offer the template for new steps no more, or again; what uses it goes on. Idempotent."""
    row = MessageTemplate.objects.select_for_update().get(pk=template.pk)
    if row.is_retired == is_retired:
        return
    row.is_retired = is_retired
    row.save(update_fields=["is_retired"])
    audit.record(
        verb="template.retired" if is_retired else "template.reinstated",
        subject=row,
        member_id=None,
        summary=f"“{row}” is {'offered no more' if is_retired else 'offered again'}",
        before={"is_retired": not is_retired},
        after={"is_retired": is_retired},
        by=by,
        at=at,
    )


@transaction.atomic
def save_topic(  # noqa: PLR0913  # a topic has that many parts
    *,
    topic: Topic | None,
    key: str = "",
    title: str,
    description: str = "",
    position: int = 0,
    is_retired: bool = False,
    by: User,
    at: datetime,
) -> Topic:
    """Keep a topic that people may want to hear of or not; what they said of it stays.

    Raises ``KeyTaken`` where a new one has the key of another. Idempotent.
    """
    row = (
        Topic.objects.select_for_update().get(pk=topic.pk)
        if topic
        else Topic(key=key, title=title)
    )
    if topic is None and Topic.objects.filter(key=key).exists():
        raise KeyTaken(_("There is a topic by this name."))
    names = ("title", "description", "position", "is_retired")
    before = {name: getattr(row, name) for name in names} if topic else None
    row.title, row.description = title.strip(), description.strip()
    row.position, row.is_retired = position, is_retired
    after = {name: getattr(row, name) for name in names}
    if after != before:
        row.save()
        audit.record(
            verb="topic.saved" if before else "topic.added",
            subject=row,
            member_id=None,
            summary=f"The topic “{row}” was written",
            before=before,
            after=after,
            by=by,
            at=at,
        )
    return row


@transaction.atomic
def send_test(
    *,
    template: MessageTemplate,
    variables: Mapping[str, Any],
    to: User,
    by: User,
    at: datetime,
) -> Message:
    """Put the message into the outbox for a colleague, as it would read with ``variables``.

    Raises ``MissingVariable`` where that leaves a gap. Not idempotent: each is a test of its
    own; none counts towards anybody's cap, and a suppressed address gets none.
    """
    if gaps := rendering.missing(template.subject, template.body, variables=variables):
        raise MissingVariable(", ".join(gaps))
    message = outbox.queue_message(
        user=to,
        template_key=template.key,
        variables=variables,
        purpose=Purpose.REPLY,
        dedupe_key=f"test {template.key} {uuid4()}",
        due_at=at,
    )
    audit.record(
        verb="template.tried",
        subject=template,
        member_id=None,
        summary=f"“{template}” was sent to a colleague as a test",
        by=by,
        at=at,
    )
    return message


def _nearest(
    template: MessageTemplate,
    written: Mapping[tuple[str, str], TemplateVariant],
    *,
    persona: str,
    language: str,
) -> Words:
    variants = {(sort, tag.lower()): one for (sort, tag), one in written.items()}
    tongues = _tongues(language)
    for key in [
        *((persona, tongue) for tongue in tongues if persona),
        *(("", tongue) for tongue in tongues),
        (persona, ""),
    ]:
        if (one := variants.get(key)) is not None:
            return Words(
                subject=one.subject, body=one.body, persona=one.persona, language=one.language
            )
    return Words(subject=template.subject, body=template.body)


def _require_possible(
    base: Words, *, variables: Sequence[Variable], variants: Sequence[Words]
) -> None:
    reasons = [
        _("“%(name)s” cannot be the name of a gap: small letters, digits, underscores.")
        % {"name": each.name}
        for each in variables
        if not NAME.match(each.name)
    ]
    declared = [each.name for each in variables]
    reasons += [
        _("The gap “%(name)s” is declared twice.") % {"name": name}
        for name, times in Counter(declared).items()
        if times > 1
    ]
    used = rendering.names_in(
        *(text for words in (base, *variants) for text in (words.subject, words.body))
    )
    reasons += [
        _("The words have a gap “%(name)s” that is not declared.") % {"name": name}
        for name in used
        if name not in declared
    ]
    if not base.subject or not base.body.strip():
        reasons.append(_("A message has a subject and says something."))
    sorts = Counter((each.persona, each.language) for each in variants)
    if sorts.get(("", "")):
        reasons.append(_("A variant is for a sort of reader, or in a language."))
    if any(times > 1 for times in sorts.values()):
        reasons.append(_("Two variants are for the same readers."))
    if any(not each.subject.strip() or not each.body.strip() for each in variants):
        reasons.append(_("Each variant has a subject and says something."))
    if reasons:
        raise NotPossible(*reasons)


def _values(
    template: MessageTemplate, *, variables: Mapping[str, Any], language: str
) -> dict[str, str]:
    kinds = {each.name: each.kind for each in variables_of(template)}
    return {
        name: in_words(value, kind=kinds.get(name, VariableKind.TEXT), language=language)
        for name, value in variables.items()
        if rendering.has_value(value)
    }


def _tongues(language: str) -> list[str]:
    """Return the tags by which words for ``language`` may go, the nearest first."""
    tag = language.lower()
    return list(dict.fromkeys(filter(None, [tag, tag.partition("-")[0]])))


def _safe(text: str) -> list[str]:
    # The engine has escaped every word of it.
    return [mark_safe(each) for each in rendering.paragraphs(text)]  # noqa: S308


def _state(template: MessageTemplate) -> dict[str, Any]:
    topic = template.topic
    return {
        "title": template.title,
        "subject": template.subject,
        "body": template.body,
        "purpose": str(template.purpose),
        "topic": topic.key if topic else None,
        "variables": template.variables,
        "variants": [
            {name: getattr(each, name) for name in ("persona", "language", "subject", "body")}
            for each in TemplateVariant.objects.filter(template=template).order_by(
                "persona", "language"
            )
        ],
    }
