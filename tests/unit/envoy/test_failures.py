"""Why an operation can fail: every failure says what, why and what to do, under a code of its own."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.xds.statuses import ProxyStatus
from meshwright.core import kit
from meshwright.core.kit.lifecycle import failures as of_designs
from meshwright.schemas.errors import Failure, FieldError
from meshwright.schemas.references import ResourceRef

REJECTED = ProxyStatus(state="rejected", error="Cluster: bad")
MADE: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (failures.no_log, ("a was started by you", "Look where you sent its output.")),
    (failures.not_here, ("a",)),
    (failures.silent, ("a",)),
    (failures.ports_taken, ("port 1 is taken by x",)),
    (failures.no_mesh, ("demo",)),
    (failures.unanswered, (["a", "b"], 30.0)),
    (failures.still_plain, (["a", "b"], 30.0)),
    (failures.meddled, ("w.demo",)),
    (failures.unserved, ("version 1 of w.demo is not served here",)),
    (failures.not_started, ("sidecar a ended at once",)),
]
DESIGNS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (of_designs.rejected, ({"a": "Cluster: bad", "b": "Cluster: bad"},)),
    (of_designs.unfit, ([FieldError(detail="no such service", pointer="#/intents/0")],)),
    (of_designs.not_admitted, ([FieldError(detail="Lua runs code", pointer="#/resources/0", code="MW2011")],)),
    (of_designs.unsupported, (list(adapter.translators.refusals.values()),)),
    (of_designs.no_design, ("the design x is not applied to demo",)),
    (of_designs.plan_gone, ("1",)),
    (of_designs.missing, ([ResourceRef(kind="Route", name="a")],)),
]


@pytest.mark.parametrize(("make", "arguments"), MADE + DESIGNS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_failure_says_what_why_and_what_to_do(make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """All three are there, on one line each, and survive the journal."""
    failure = make(*arguments).failure
    assert all(text and "\n" not in text for text in (failure.what, failure.cause, failure.remedy))
    assert msgspec.json.decode(msgspec.json.encode(failure), type=Failure) == failure


def test_every_code_is_listed_and_made_once() -> None:
    """The module's own table names each code that can be met, and no two failures share one."""
    codes = [make(*arguments).failure.code for make, arguments in MADE]
    of_kit = [make(*arguments).failure.code for make, arguments in DESIGNS]
    assert not set(codes) & set(of_kit)
    assert of_kit == sorted(set(re.findall(r"MW\d{4}", of_designs.__doc__ or "")), key=of_kit.index)
    assert len(set(of_kit)) == len(of_kit)
    assert sorted(codes) == sorted(set(re.findall(r"MW\d{4}", failures.__doc__ or "")))
    makers = [name for name, each in inspect.getmembers(failures, inspect.isfunction) if name[0] != "_"]
    assert len(makers) == len(MADE) + 1, "all of them, and `rejected`, which is the kit's with Envoy's words"


def test_what_time_may_mend_is_retryable() -> None:
    """Silence, a port in use and a control plane behind may pass; a document that does not fit will not."""
    retryable = {make.__name__ for make, arguments in MADE if make(*arguments).failure.retryable}
    assert retryable == {"unanswered", "still_plain", "meddled", "unserved", "not_started", "ports_taken", "silent"}
    assert [make.__name__ for make, each in MADE if isinstance(make(*each), kit.Retry)] == ["silent", "meddled"]


def test_many_problems_and_proxies_are_reported_within_bounds() -> None:
    """The line for people stays short; the details hold every place, and the words of the first proxies."""
    problems = [FieldError(detail="x" * 50, pointer=f"#/intents/{index}") for index in range(500)]
    failure = of_designs.unfit(problems).failure
    assert len(failure.what) <= 1500 and len(failure.details["errors"]) == 500
    several = failures.rejected({f"a-{index}": REJECTED for index in range(30)}).failure
    assert several.what == "a-0 (and 29 more proxies) rejected the configuration: Cluster: bad"
    assert len(several.details["proxies"]) == 20
