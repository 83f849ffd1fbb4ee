"""What has happened here, for whoever stands above; nothing depends on its being heard."""

from django.dispatch import Signal

# Sent after the commit with ``member_ids``: live facts of theirs were recorded.
facts_recorded = Signal()
