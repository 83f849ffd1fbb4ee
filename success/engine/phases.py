"""The association's phases, told from the member's outcomes by their words (DOMAIN 1 #1, 2.5).

Joining, paying, being onboarded, renewing, upgrading, attending and logging in happen to the
association; a milestone is the member's. The same verbs serve the member's own world, though:
their customers pay, their engineers renew certificates. So a title is refused only where every
clause of it speaks of such an event and of nothing else. The words are English; a title in
another language is not refused.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.kernel.words import gettext_noop as _

NEAR = 5
NEAR_BEFORE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A kind of event at the association: why it is no milestone, and what to say instead.

    ``why`` and ``suggestion`` are messages for gettext.
    """

    key: str
    why: str
    suggestion: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """The verbs and objects of a phase.

    ``alone``: the verb says enough without an object. ``despite_topic``: verb and object are
    enough, whatever else the clause says. ``may_be_theirs``: “your” before the object makes it
    the member's own, as in their own conference.
    """

    phase: Phase
    verbs: re.Pattern[str]
    objects: frozenset[str]
    alone: bool = True
    despite_topic: bool = True
    may_be_theirs: bool = False


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _verbs(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})\Z")


MEETINGS = _set(
    "event events conference conferences congress congresses summit summits webinar webinars "
    "meeting meetings meetup meetups workshop workshops seminar seminars course courses "
    "training trainings session sessions assembly agm gathering gatherings dinner gala forum "
    "forums convention conventions lecture lectures roundtable roundtables breakfast reception"
)
PLACES = _set(
    "portal app website site platform system community account area page pages tool hub forum "
    "intranet dashboard"
)
POST = _set("newsletter newsletters email emails mail mails mailing list message magazine")
HOLDINGS = _set(
    "membership memberships subscription subscriptions dues fee fees invoice invoices bill "
    "instalment instalments installment assessment contribution contributions"
)
RUNGS = _set(
    "tier tiers level levels category plan package membership subscription account gold silver "
    "bronze platinum premium plus corporate individual basic professional class higher seats"
)

UPGRADE = Phase(
    key="upgrade",
    why=_("An upgrade is our sale; it may follow a milestone, never be one."),
    suggestion=_(
        "Make the need that it answers the milestone and announce the offer "
        "there, such as “You run out of places for your people”."
    ),
)

PHASES: tuple[_Words, ...] = (
    _Words(
        phase=Phase(
            key="join",
            why=_(
                "Joining is the start of the association's story, not a point in the member's."
            ),
            suggestion=_(
                "Say what they can do or have now that they belong, such as "
                "“Two peers with your problem know you by name”."
            ),
        ),
        verbs=_verbs(r"(?:re)?join(?:s|ed|ing)?|enroll?(?:s|ed|ing|ment)?|admitted|rejoins"),
        objects=_set(
            "association society federation chamber institute chapter chapters membership "
            "community network"
        )
        | POST,
    ),
    _Words(
        phase=Phase(
            key="pay",
            why=_("A payment is what the association receives; it moves the member nowhere."),
            suggestion=_(
                "Say what they have received for it, such as “The first order "
                "through an introduction of ours is signed”."
            ),
        ),
        verbs=_verbs(
            r"pay(?:s|ing)?|paid|payments?|settle[sd]?|prepa(?:y|ys|id)|billed|invoiced"
        ),
        objects=HOLDINGS,
    ),
    _Words(
        phase=Phase(
            key="renew",
            why=_("A renewal follows from a member's success; it is not a part of it."),
            suggestion=_(
                "Say what will be true for them by then, so that renewing is a "
                "matter of course, such as “Energy costs are a tenth below last year's”."
            ),
        ),
        verbs=_verbs(
            r"renew(?:s|ed|ing)?|renewals?|retention|retained|auto(?:renew(?:s|ed|al)?)"
        ),
        objects=HOLDINGS,
    ),
    _Words(
        phase=Phase(
            key="onboard",
            why=_(
                "Onboarding is the association's procedure; a member is on board when they "
                "first receive value."
            ),
            suggestion=_(
                "Name that first value as they would tell it, such as “A question of "
                "yours is answered by somebody who has solved it”."
            ),
        ),
        verbs=_verbs(
            r"onboard(?:s|ed|ing)?|orientation|welcom(?:e|es|ed|ing)|kickoff|induction|inducted"
            r"|activation|activated"
        ),
        objects=_set(
            "programme program process pack package kit email emails letter checklist journey "
            "membership account call calls gift box"
        )
        | MEETINGS
        | PLACES,
        despite_topic=False,
    ),
    _Words(
        phase=UPGRADE,
        verbs=_verbs(r"upgrad(?:e|es|ed|ing)|upsells?|upsold|upselling|crosssells?|expansion"),
        objects=RUNGS,
    ),
    _Words(
        phase=UPGRADE,
        verbs=_verbs(r"buys?|bought|purchase[sd]?|move[sd]?|switch(?:es|ed)?|takes?|took"),
        objects=RUNGS | {"bigger", "larger", "up"},
        alone=False,
        despite_topic=False,
    ),
    _Words(
        phase=Phase(
            key="attend",
            why=_("Being there is participation; what it gave them is the point."),
            suggestion=_(
                "Say what they take home, such as “A supplier met at the congress "
                "delivers to you”."
            ),
        ),
        verbs=_verbs(
            r"attend(?:s|ed|ing|ance)?|participat(?:e|es|ed|ing|ion)|watch(?:es|ed)?"
            r"|visit(?:s|ed)?|com(?:e|es)|came"
        ),
        objects=MEETINGS | PLACES,
        may_be_theirs=True,
    ),
    _Words(
        phase=Phase(
            key="log_in",
            why=_("A log-in is traffic of the association's; nobody joins to log in."),
            suggestion=_(
                "Say what they come for, such as “You compare your figures with ten "
                "members like you”."
            ),
        ),
        verbs=_verbs(r"logins?|logged"),
        objects=PLACES,
        may_be_theirs=True,
    ),
    _Words(
        phase=Phase(
            key="subscribe",
            why=_("To sign up is a promise to look; nothing has changed for the member yet."),
            suggestion=_(
                "Say what they do with it, such as “A rule that we wrote about in "
                "time is built into your product”."
            ),
        ),
        verbs=_verbs(
            ""
            "subscrib(?:e|es|ed|ing)|subscriptions?|signups?|signed|regist(?:er|ers|ered|ering)|registrations?"
        ),
        objects=MEETINGS | POST | PLACES | _set("feed updates channel group"),
        may_be_theirs=True,
    ),
    _Words(
        phase=Phase(
            key="look",
            why=_("Opening and clicking are consumption; they say nothing about the outcome."),
            suggestion=_(
                "Say what they do with what they read, such as “Your contracts use the "
                "model clauses”."
            ),
        ),
        verbs=_verbs(
            ""
            "open(?:s|ed)?|click(?:s|ed)?|reads?|download(?:s|ed)?|view(?:s|ed)?|receiv(?:e|es|ed)|sent|follow(?:s|ed)?"
        ),
        objects=POST
        | _set("link links toolkit whitepaper brochure guide pack kit card linkedin"),
        alone=False,
        may_be_theirs=True,
    ),
    _Words(
        phase=Phase(
            key="use",
            why=_("Use of what we offer is the usage trap: busy is not successful."),
            suggestion=_(
                "Say what the use is for, such as “Bids are out in three days instead of ten”."
            ),
        ),
        verbs=_verbs(r"us(?:e|es|ed|ing)|usage|adopt(?:s|ed|ion)?|engagement|engaged?|active"),
        objects=PLACES | _set("benefit benefits service services membership offers resources"),
        despite_topic=False,
    ),
    _Words(
        phase=Phase(
            key="form",
            why=_("A form filled in serves the association's records."),
            suggestion=_(
                "Say what the member gains from being known better, such as “Three "
                "introductions fit what you need”."
            ),
        ),
        verbs=_verbs(
            r"complet(?:e|es|ed|ing|ion)|fill(?:s|ed)?|creat(?:e|es|ed)|updat(?:e|es|ed)"
            r"|verif(?:y|ies|ied)|confirm(?:s|ed)?|setup|answer(?:s|ed)?|submit(?:s|ted)?"
        ),
        objects=_set(
            "profile profiles account form forms survey surveys questionnaire checklist "
            "details password email"
        ),
        alone=False,
        despite_topic=False,
    ),
    _Words(
        phase=Phase(
            key="meet_us",
            why=_(
                "A meeting with the association is a step of ours; its result is the member's."
            ),
            suggestion=_(
                "Say what is decided or different afterwards, such as “The gap to close "
                "first is chosen, with a name to it”."
            ),
        ),
        verbs=_verbs(r"held|booked|scheduled|arranged|done|completed|had|took|place"),
        objects=_set(
            "call calls checkin checkins review reviews meeting meetings conversation "
            "interview training session kickoff demo welcome introduction"
        ),
        alone=False,
        despite_topic=False,
    ),
    _Words(
        phase=Phase(
            key="phase",
            why=_("This is a stage of the association's funnel."),
            suggestion=_(
                "Name the point that the member has reached then, in their own words."
            ),
        ),
        verbs=_verbs(
            r"discovery|awareness|consideration|trials?|sales?|sold|purchase[ds]?|advocacy"
            r"|lifecycle|conversion|converted|membership|nurtur(?:e|ed|ing)"
        ),
        objects=_set("association begins started active activated certificate card"),
        despite_topic=False,
    ),
)

# Not a word more about who, how often and when: what is left decides.
FILLER = _set(
    "a an the this that these it its they their them you your yours we our us he she his "
    "her of for to in at on by with within after before since from into per via as or is "
    "are was were be been being has have had get gets got do does did will can member "
    "members organisation organisations organization organizations company companies "
    "people person team teams contact contacts colleague colleagues representative "
    "representatives successfully fully already again now still early online annual "
    "yearly monthly quarterly weekly daily regularly regular first second third fourth "
    "fifth next last final one two three four five six seven eight nine ten dozen time "
    "times year years month months week weeks day days once twice least more than most "
    "every each all any another several many few some complete completed completes finish "
    "finishes finished done start starts started begin begins phase stage step milestone "
    "association society federation chamber institute waymark status successful main "
    "primary key number minimum both not full "
)
ROLES = _set(
    "ceo cfo cto coo director directors manager managers engineer engineers owner owners chair "
    "president board maintainer maintainers leader leaders leadership decision maker makers "
    "executive executives expert experts delegate delegates"
)
SUBJECTS = FILLER | ROLES | _set("staff employee employees")
THEIRS = frozenset({"your", "their", "its", "own"})
BODIES = _set(
    "committee committees group groups council panel taskforce circle commission board"
)

PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), words)
    for pattern, words in (
        (r"e-mail(s?)", r"email\1"),
        (r"on[ -]board(ed|ing|s)?", "onboarded"),
        (r"(?:log|logs|logging)[ -](?:in|on|into|onto)", "login"),
        (r"logged[ -](?:in|on|into|onto)", "login"),
        (r"log-?ins", "logins"),
        (r"sign(?:s|ed|ing)?[ -](?:in|into)", "login"),
        (r"sign(?:s|ed|ing)?[ -]?ups?", "signup"),
        (r"kick(?:s|ed)?[ -]?off", "kickoff"),
        (r"check[ -]?in", "checkin"),
        (r"cross-sell", "crosssell"),
        (r"auto-renew", "autorenew"),
        (r"(?:takes?|took|taken|taking) part", "attend"),
        (r"(?:become|becomes|became|becoming) (?:a |full |our )*members?", "join"),
        (
            r"signed (?:a |the |its |your |their )?(?:first )?(?:contract|order|deal)s?",
            "contracts",
        ),
        (r"attend(?:s|ed|ing)? to", "handle"),
        (r"(?:pays?|paid|paying) (?:attention|heed|off|back|for itself)", "worth"),
        (r"join(?:s|ed|ing)? (?:forces|hands)", "unite"),
        (r"uses? (?:less|fewer|half|no)", "spare"),
        (r"new (?:hires?|staff|employees?|colleagues?|people|starters?|joiners?)", "newcomers"),
        (r"(?:your|their|its) (?:own )?members", "clientele"),
        (r"(?:at|up) to date", "current"),
        (r"first (?:sale|trial|purchase)s?", "revenue"),
        (r"(?:you|they|we) (?:are|get|were) paid", "revenue"),
    )
)
CLAUSE = re.compile(
    "[,;:()/+&|>→–—]|\\s-\\s|\\b(?:and|so that|where|which|then|who|because|until)\\b"  # noqa: RUF001  # dashes as people type them
)
WORD = re.compile(r"[^\W_]+")
NUMBER = re.compile(r"\d+(?:st|nd|rd|th|x)?\Z")

# Kinds of facts, and areas, that tell of the association's phases and of use.
ASSOCIATION_FACTS = re.compile(
    r"(?:terms?|dues|memberships?|payments?|invoices?|renewals?|onboarding|events?|webinars?"
    r"|meetings?|attendances?|logins?|sessions?|e?mails?|newsletters?|portal|pages?|accounts?"
    r"|profiles?|subscriptions?|registrations?|tiers?|upgrades?|downloads?)(?:[._:\-].*)?\Z",
    re.IGNORECASE,
)


def association_event(title: str) -> Phase | None:
    """Return the phase of the association that ``title`` names, and nothing besides.

    Null where the title says anything of the member's own: it is then for people to judge
    (DOMAIN 2.5).
    """
    found: Phase | None = None
    for clause in _clauses(title):
        if all(_is_filler(word) for word in clause):
            continue
        phase = _phase_of(clause)
        if phase is None:
            return None
        found = found or phase
    return found


def association_facts(rule: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds of facts in an evidence rule that tell of the association's phases.

    ``term.started``, ``dues.paid``, ``event.attended`` and their like; an area of involvement
    such as ``maintainer`` is the member's own (DOMAIN 2.5).
    """
    named = (words for name, value in rule.items() if name != "rule" for words in _texts(value))
    return tuple(words for words in named if ASSOCIATION_FACTS.match(words))


def is_seat_only(title: str) -> bool:
    """Tell whether ``title`` is about joining a group or committee, whatever comes of it."""
    return any(
        any(PHASES[0].verbs.match(word) for word in clause) and not BODIES.isdisjoint(clause)
        for clause in _clauses(title)
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for held in value.values():
            yield from _texts(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _texts(held)


def _clauses(title: str) -> Iterable[list[str]]:
    """Yield the words of each clause, in small letters, with phrases drawn into one word."""
    said = title.lower().replace("’", "'").replace("'s", "")  # noqa: RUF001  # as people type it
    for pattern, drawn_together in PHRASES:
        said = pattern.sub(drawn_together, said)
    for clause in CLAUSE.split(said):
        if words := WORD.findall(clause):
            yield words


def _is_filler(word: str) -> bool:
    return word in FILLER or NUMBER.match(word) is not None


def _phase_of(clause: list[str]) -> Phase | None:
    present = [kind for kind in PHASES if any(kind.verbs.match(word) for word in clause)]
    objects = frozenset[str]().union(*(kind.objects for kind in present))
    rest = [
        word
        for word in clause
        if not (_is_filler(word) or word in ROLES)
        and not any(kind.verbs.match(word) for kind in present)
    ]
    if all(word in objects for word in rest):
        for kind in present:
            if kind.alone or not kind.objects.isdisjoint(clause):
                return kind.phase
    return next((kind.phase for kind in present if _is_despite_topic(kind, clause)), None)


def _is_despite_topic(kind: _Words, clause: list[str]) -> bool:
    """Whether verb and object stand together, with nobody but the member's people doing it."""
    if not kind.despite_topic:
        return False
    for at, word in enumerate(clause):
        if not kind.verbs.match(word):
            continue
        before, after = clause[:at], clause[at + 1 :]
        if all(w in SUBJECTS or NUMBER.match(w) for w in before) and any(
            _is_object(kind, clause, at + 1 + place) for place in range(len(after[:NEAR]))
        ):
            return True
        is_past = word.endswith(("ed", "paid")) or word in {"read", "sent"}
        near = range(max(0, at - NEAR_BEFORE), at)
        if is_past and any(_is_object(kind, clause, place) for place in near):
            by = after[after.index("by") + 1 :] if "by" in after else []
            return all(w in SUBJECTS or NUMBER.match(w) for w in by)
    return False


def _is_object(kind: _Words, clause: list[str], place: int) -> bool:
    if clause[place] not in kind.objects:
        return False
    return not (kind.may_be_theirs and THEIRS.intersection(clause[max(0, place - 2) : place]))
