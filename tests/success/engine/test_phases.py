import pytest

from success.engine.phases import association_event, association_facts, is_seat_only

REFUSED = {
    "Joined": "join",
    "Join the association": "join",
    "Joins our community": "join",
    "You have become a member": "join",
    "Membership paid": "pay",
    "Your first invoice is paid": "pay",
    "Pays membership dues for three seats": "pay",
    "Renewed": "renew",
    "Renewal": "renew",
    "The member renews for a second year": "renew",
    "Your membership is renewed for three years by the board": "renew",
    "Onboarding completed": "onboard",
    "Your team is onboarded": "onboard",
    "On-boarding done within 30 days": "onboard",
    "Welcome call held": "onboard",
    "Kick-off meeting": "onboard",
    "Upgraded to Gold": "upgrade",
    "Upgrades to a higher tier": "upgrade",
    "Upsell": "upgrade",
    "Attends 3 events": "attend",
    "Your CEO attends the annual conference": "attend",
    "Attends a webinar on the new packaging rules": "attend",
    "Takes part in at least two webinars": "attend",
    "Annual congress attended": "attend",
    "Two webinars watched": "attend",
    "Logs in 5 times a month": "log_in",
    "First log-in to the member portal": "log_in",
    "Logged in to the portal to look around": "log_in",
    "Subscribed to the newsletter": "subscribe",
    "Signs up for the mailing list": "subscribe",
    "Registers for the summit": "subscribe",
    "Opens the newsletter every month": "look",
    "Downloads the toolkit": "look",
    "Uses the member portal every week": "use",
    "Use": "use",
    "Profile completed": "form",
    "Creates an account": "form",
    "Quarterly review held": "meet_us",
    "Discovery": "phase",
    "Trial": "phase",
    "Your invoices are paid on time": "pay",
    "Buys a bigger package": "upgrade",
    "Has paid the annual fee in full": "pay",
    "Membership card received": "look",
    "Join, pay and renew": "join",
    "Phase 1: Onboarding": "onboard",
    "Discovery → Membership → Onboarding": "phase",
}

ACCEPTED = (
    "Members of your team renew certificates",
    "Your engineers renew their safety certificates on time",
    "Your members renew at ninety percent",
    "Your operating licence is renewed without conditions",
    "Your customers pay within 30 days",
    "You pay suppliers in 20 days",
    "The first grant is paid out",
    "The new line has paid for itself",
    "Three apprentices join your workshop",
    "You join forces with three peers to buy energy",
    "New hires are onboarded in two weeks instead of six",
    "Onboarding new staff takes ten days",
    "You upgrade the database in production without downtime",
    "Your platform is upgraded to the current release",
    "Two thirds of your patients attend rehabilitation",
    "Patients attend the course and keep their weight",
    "Your own conference is attended by 300 buyers",
    "You attend to every complaint within a day",
    "Three of your people attend the course and pass the exam",
    "Your nurses log in to one system instead of five",
    "Your clinic subscribes to fewer journals",
    "Your first sale to a member",
    "You are paid within 20 days",
    "You buy a cleaner furnace",
    "You move to a larger site",
    "Subscribers to your newsletter double",
    "You speak at the annual conference",
    "You raise the membership of your own club by ten percent",
    "The board adopts a climate plan",
    "You register your first patent",
    "You register a company in Sweden",
    "You open a second site",
    "You use less energy than last year",
    "You use the benchmark to set your prices",
    "Your application to the ministry is completed",
    "The trial with the university shows a lower dose works",
    "Sales to two new countries",
    "A supplier met at the congress delivers to you",
    "A first change of yours is merged",
    "Two maintainers know your work",
    "You look after a part of a project",
    "You are a maintainer",
    "A product or service of yours is certified",
    "One of your people maintains a project",
    "Your people work side by side with people of three other members",
    "Your part has been kept up for a year",
    "Your people maintain two projects",
    "First value: a question of yours is answered by a peer",
    "Two decision makers have ties that are returned",
    "The benchmark is done and the gap chosen",
    "An improvement is live",
    "The result is documented",
    "Welcome desk waiting time is halved",
    "Your retention of nurses rises by a tenth",
    "You sign the first contract with a buyer abroad",
    "Du hast dein erstes Projekt veröffentlicht",
)


@pytest.mark.parametrize("title", REFUSED)
def test_an_event_at_the_association_is_recognised(title):
    phase = association_event(title)

    assert phase is not None
    assert phase.key == REFUSED[title]


@pytest.mark.parametrize("title", ACCEPTED)
def test_an_outcome_of_the_member_is_left_alone(title):
    assert association_event(title) is None


def test_every_phase_says_why_and_what_instead():
    phases = [association_event(title) for title in REFUSED]

    assert all(phase is not None and phase.why and phase.suggestion for phase in phases)


def test_what_a_phase_suggests_is_not_refused_itself():
    phases = {phase for title in REFUSED if (phase := association_event(title))}

    assert [p.key for p in phases if association_event(p.suggestion) is not None] == []


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ({"rule": "fact", "kind": "event.attended"}, ("event.attended",)),
        (
            {"rule": "fact", "kinds": ["term.started", "dues.paid"]},
            ("term.started", "dues.paid"),
        ),
        ({"rule": "first", "areas": ["webinar", "maintainer"]}, ("webinar",)),
        ({"rule": "first", "areas": ["certification", "partner"]}, ()),
        ({"rule": "kept", "areas": ["maintainer"], "days": 365}, ()),
    ],
)
def test_a_rule_on_facts_about_the_association_is_recognised(rule, facts):
    assert association_facts(rule) == facts


def test_a_seat_alone_is_told_from_joining_forces():
    assert is_seat_only("Two of your people join a working group")
    assert not is_seat_only("You join forces with three peers")
