"""Members, their people, what they hold and what they pay.

Money is in ``dues`` alone. Import it from there; nothing that decides about experience,
progress or order may.
"""

from members.models.accounts import User
from members.models.api_access import ApiToken, IdempotencyRecord
from members.models.association import Association
from members.models.audit import AuditEntry
from members.models.departures import Departure
from members.models.dirty import DirtyMember
from members.models.dues import Dues, ExchangeRate, VoidedTerm
from members.models.imports import ImportBatch, ImportRow
from members.models.links import AccountLink, AccountUnit
from members.models.members import Affiliation, Member, MemberIdentity, Person
from members.models.memberships import Term

__all__ = [
    "AccountLink",
    "AccountUnit",
    "Affiliation",
    "ApiToken",
    "Association",
    "AuditEntry",
    "Departure",
    "DirtyMember",
    "Dues",
    "ExchangeRate",
    "IdempotencyRecord",
    "ImportBatch",
    "ImportRow",
    "Member",
    "MemberIdentity",
    "Person",
    "Term",
    "User",
    "VoidedTerm",
]
