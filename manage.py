#!/usr/bin/env python
"""Waymark's command line: ``python manage.py help`` lists what it can do."""

import os
import sys

NEEDS_NO_SERVER = {"assets", "compilemessages", "help", "makemessages", "up", "version"}
"""``up`` starts them itself, after it has looked at the port."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from config import embedded

    asks_for_help = {"-h", "--help", "--version"} & set(sys.argv)
    if sys.argv[1:] and sys.argv[1] not in NEEDS_NO_SERVER and not asks_for_help:
        try:
            embedded.ensure()
        except (embedded.EmbeddedError, ImproperlyConfigured) as error:
            sys.exit(f"{error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
