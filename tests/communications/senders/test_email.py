import uuid

from anymail.exceptions import AnymailUnsupportedFeature
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from communications.senders import email

CALENDAR = "BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nSUMMARY:Öko\r\nEND:VCALENDAR\r\n"


class KnowsHtmlOnly(EmailBackend):
    """A provider whose own interface takes no alternative but HTML."""

    def send_messages(self, email_messages):
        if any(message.alternatives for message in email_messages):
            raise AnymailUnsupportedFeature("alternative text/calendar")
        return super().send_messages(email_messages)


def send(**overrides):
    fields = {
        "public_id": uuid.UUID(int=1),
        "name": "Ann Lee",
        "address": "ann@example.org",
        "subject": "Hello",
        "body": "Good morning.",
    }
    return email.send(**(fields | overrides))


def parts():
    [letter] = mail.outbox
    return [
        (part.get_content_type(), part.get_param("method"), part.get_filename())
        for part in letter.message().walk()
        if not part.is_multipart()
    ]


def test_calendar_goes_along_as_an_alternative_and_as_a_file():
    send(calendar=CALENDAR, calendar_method="CANCEL")

    assert parts() == [
        ("text/plain", None, None),
        ("text/calendar", "CANCEL", None),
        ("application/ics", None, "invite.ics"),
    ]
    texts = [
        part.get_payload(decode=True).decode()
        for part in mail.outbox[0].message().walk()
        if part.get_content_type() in {"text/calendar", "application/ics"}
    ]
    assert {text.replace("\r\n", "\n") for text in texts} == {CALENDAR.replace("\r\n", "\n")}


def test_provider_that_knows_no_such_alternative_gets_the_file_alone(settings):
    settings.EMAIL_BACKEND = f"{__name__}.KnowsHtmlOnly"

    send(calendar=CALENDAR, calendar_method="REQUEST")

    assert parts() == [("text/plain", None, None), ("application/ics", None, "invite.ics")]


def test_message_without_a_calendar_is_plain():
    send()

    assert parts() == [("text/plain", None, None)]


def test_files_go_along_as_they_are():
    send(files=[email.File(name="a.xlsx", content_type="application/x", content=b"\x00\xff")])

    assert parts() == [("text/plain", None, None), ("application/x", None, "a.xlsx")]
    assert mail.outbox[0].attachments[0].content == b"\x00\xff"
