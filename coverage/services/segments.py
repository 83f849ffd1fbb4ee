"""The coverage segments an association starts with; the list is its own from then on."""

from typing import Any

from django.db import transaction

from coverage.engine import segments as rule
from coverage.enums import Delivery, Expertise, Guidance, Resources
from coverage.models import Segment

SYNCHRONOUS_FROM_PERCENT = int(100 * rule.SYNCHRONOUS_FROM)

DEFAULT_SEGMENTS: tuple[dict[str, Any], ...] = (
    {
        "key": rule.TASK_FORCE,
        "name": "Task Force",
        "rule": {
            "any": [
                {"fact": "escalation_severity", "op": "eq", "value": rule.HIGHEST_SEVERITY},
                {"fact": "skills_needed", "op": "ge", "value": rule.TASK_FORCE_SKILLS},
            ]
        },
        "reason": "Several contributors at once: {skills_needed} skills are needed; "
        "severity of the gravest open escalation: {escalation_severity}",
        "is_pooled": False,
        "delivery": Delivery.PERSON,
    },
    {
        "key": rule.INBOUND,
        "name": "Inbound",
        "rule": {
            "all": [
                {"fact": "expertise", "op": "eq", "value": Expertise.HIGH.value},
                {"fact": "resources", "op": "eq", "value": Resources.SUFFICIENT.value},
                {"fact": "guidance", "op": "eq", "value": Guidance.OCCASIONAL.value},
            ]
        },
        "reason": "Expert, with resources of their own, and needs guidance only now and then",
        "is_pooled": True,
        "delivery": Delivery.MESSAGE,
    },
    {
        "key": rule.SYNCHRONOUS,
        "name": "Synchronous",
        "rule": {
            "fact": "sync_share_percent",
            "op": "ge",
            "value": SYNCHRONOUS_FROM_PERCENT,
        },
        "reason": "{sync_share_percent}% of the time asked for is in real time, "
        f"{SYNCHRONOUS_FROM_PERCENT}% or more",
        "is_pooled": False,
        "delivery": Delivery.PERSON,
    },
    {
        "key": rule.ASYNCHRONIZED,
        "name": "Asynchronized",
        "rule": {"all": []},
        "reason": "No other segment fits; time asked for in real time, in percent: "
        "{sync_share_percent}",
        "is_pooled": False,
        "delivery": Delivery.MESSAGE,
    },
)


@transaction.atomic
def ensure_default_segments() -> list[Segment]:
    """Return the four segments of DOMAIN 2.4 in the order of their rules, made where missing.

    Idempotent: a segment that is there, by its key, stays as the association has it. Where the
    association has made others, the missing ones are appended after them. ``reason`` may name
    facts in braces; the nightly assignment fills in the member's own.
    """
    known = {segment.key: segment for segment in Segment.objects.all()}
    position = max((segment.position for segment in known.values()), default=0)
    for fields in DEFAULT_SEGMENTS:
        if fields["key"] not in known:
            position += 1
            known[fields["key"]] = Segment.objects.create(position=position, **fields)
    return sorted(
        (known[fields["key"]] for fields in DEFAULT_SEGMENTS), key=lambda each: each.position
    )
