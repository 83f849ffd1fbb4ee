import pytest

from success.rollups import watching


@pytest.fixture
def alone(monkeypatch):
    """Nobody else writes to this database: tests that run beside on the server widen no look."""
    moment = watching.MOMENT.replace("pg_snapshot_xmin", "pg_snapshot_xmax")
    monkeypatch.setattr(watching, "MOMENT", moment)
