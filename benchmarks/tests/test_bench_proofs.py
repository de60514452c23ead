"""What a benchmark writes into the tables itself is what the services' migrations made of them."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from ..bench_proofs import measure


@pytest.mark.stack
async def test_a_small_log_is_loaded_asked_and_taken_over(database_url: str) -> None:
    sizes = [300, 600]
    found = await measure(SecretStr(database_url), sizes)
    assert found.columns == ["entries", "300", "600"]
    assert all(len(row) == 1 + len(sizes) for row in found.rows)
