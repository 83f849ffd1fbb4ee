"""The worked numbers of the domain document, by id."""

import json
from functools import cache
from pathlib import Path
from typing import Any

ORACLES = Path(__file__).parent / "oracles" / "domain_oracles.json"


@cache
def _all() -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads(ORACLES.read_text())
    return numbers


def oracle(key: str) -> Any:
    return _all()[key]
