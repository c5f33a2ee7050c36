"""The pages of findings: one for each code, with or without a worker of its mesh."""

from typing import Any

import pytest

from meshwright.schemas import rules
from meshwright.schemas.findings import FindingRule

Harness = Any


async def test_every_code_has_a_page(harness: Harness) -> None:
    """The list has all codes in order, and each is explained in words of its own."""
    items = (await harness.admin.ask("GET", "/v1/findings")).json()["items"]
    codes = [each["code"] for each in items]
    assert codes == sorted(set(codes))
    assert {"MW3001", "MW3002", "MW3101", "MW3701"} <= set(codes)
    assert len({each["explanation"] for each in items}) == len({each["title"] for each in items}) == len(items)
    for code in codes:
        page = (await harness.admin.ask("GET", f"/v1/findings/{code}")).json()
        assert page == items[codes.index(code)]
        assert all(page[field].endswith(".") for field in ("explanation", "remedy"))


@pytest.mark.parametrize(("asked", "code"), [("mw3102", "MW3102"), ("IST0109", "MW3102")])
async def test_a_code_is_known_by_the_name_of_the_meshs_tool_too(harness: Harness, asked: str, code: str) -> None:
    """The page is found under istioctl's code too, in any case."""
    assert (await harness.admin.ask("GET", f"/v1/findings/{asked}")).json()["code"] == code


@pytest.mark.parametrize("asked", ["MW9999", "IST9999", "a-b"])
async def test_a_code_that_is_none_is_not_found(harness: Harness, asked: str) -> None:
    """The refusal says where the codes are listed."""
    problem = await harness.admin.problem("GET", f"/v1/findings/{asked}", status=404, slug="not-found")
    assert asked in problem["detail"]


def test_codes_are_given_once() -> None:
    """No two rules share a code, and those of a mesh name its adapter."""
    every: list[FindingRule] = [*rules.GENERAL, *rules.ISTIO, *rules.KUMA, *rules.LINKERD, *rules.CONSUL]
    assert len(rules.BY_CODE) == len(every)
    assert {each.adapter for each in rules.ISTIO} == {"istio"}
    assert {each.adapter for each in rules.GENERAL} == {""}
