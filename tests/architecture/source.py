"""The project's own source, as the architecture tests read it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# From the bottom up; the two in the middle are siblings.
LEVELS = {
    "members": 1,
    "engagement": 2,
    "coverage": 2,
    "communications": 3,
    "community": 4,
    "success": 5,
}
APPS = tuple(LEVELS)


def may_import(importer: str, imported: str) -> bool:
    """Say whether app ``importer`` may know app ``imported``."""
    return importer == imported or LEVELS[importer] > LEVELS[imported]


@dataclass(frozen=True)
class Source:
    """A Python file of one of the apps."""

    path: Path
    root: Path = ROOT

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @property
    def app(self) -> str:
        return self.name.split("/")[0]

    @property
    def layer(self) -> str:
        """The module or package directly inside the app: ``services``, ``models``, …"""
        return self.name.split("/")[1].removesuffix(".py")

    @property
    def words(self) -> frozenset[str]:
        """The names of the file and of the folders it is in."""
        return frozenset(self.name.removesuffix(".py").split("/"))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(), filename=self.name)

    def imports(self) -> Iterator[str]:
        """Yield each imported thing by its full name, also those only for type checking."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)

    def names(self) -> Iterator[str]:
        """Yield every identifier."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                    yield name
                case ast.keyword(arg=str(name)) | ast.alias(name=name):
                    yield name
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    yield name

    def texts(self) -> Iterator[str]:
        """Yield every string, but not the docstrings."""
        documentation = {id(text) for text in _docstrings(self.tree)}
        for node in ast.walk(self.tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documentation
            ):
                yield node.value


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str()) as text), *_]:
                    yield text


def app_sources(root: Path = ROOT) -> list[Source]:
    """Return every Python file of the apps, without migrations."""
    return [
        Source(path, root)
        for app in APPS
        for path in sorted((root / app).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def templates(root: Path = ROOT) -> list[Path]:
    folders = [root / "templates", *(root / app for app in APPS), root / "config"]
    return sorted(path for folder in folders for path in folder.rglob("*.html"))


def contracts() -> list[dict[str, object]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[dict[str, object]] = settings["tool"]["importlinter"]["contracts"]
    return found


def declared_names() -> frozenset[str]:
    """Return the module names that an app may have."""
    modules = next(contract for contract in contracts() if contract["id"] == "modules")
    return frozenset(re.findall(r"\((\w+)\)", " ".join(modules["layers"])))
