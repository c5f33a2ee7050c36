"""Logs: an id that can be no workload's or proxy's is not found."""

from typing import Any

import pytest

Harness = Any


@pytest.mark.parametrize("of", ["proxies", "workloads"])
@pytest.mark.parametrize("id", ["a", "a.b", "~", "~a", "a~b~c~d~e", "m1~%00", "m1~a%20b", "nowhere~~process~a"])
async def test_an_id_that_nothing_has_is_not_found(harness: Harness, of: str, id: str) -> None:
    """Whatever the number and text of its parts are."""
    harness.mesh()
    await harness.admin.problem("GET", f"/v1/{of}/{id}/logs", status=404, slug="not-found")
