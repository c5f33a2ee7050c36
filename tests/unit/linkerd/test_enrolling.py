"""Which annotation makes a namespace or the pods of a workload take part, and which takes them out again."""

import itertools

import meshwright.adapters.linkerd  # noqa: F401 - registers all
from meshwright.adapters.linkerd import observing
from meshwright.adapters.linkerd.operations import enrolling

_VALUES = ("", "enabled", "ingress", "disabled")


def _marked(value: str) -> dict[str, str]:
    return {"linkerd.io/inject": value} if value else {}


def _with(marks: dict[str, str], change: dict[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in {**marks, **change}.items() if value is not None}


def test_after_a_change_new_pods_take_part_as_asked_and_a_second_change_is_none() -> None:
    """For each value that there may be, on the namespace and on the pods."""
    for joined, space, own in itertools.product((True, False), _VALUES, _VALUES):
        namespace, pods = _marked(space), _marked(own)
        after = _with(namespace, enrolling.INJECTION.of_namespace(namespace, joined=joined))
        assert observing.is_injected({}, after) is joined
        assert enrolling.INJECTION.of_namespace(after, joined=joined) == {}
        alone = _with(pods, enrolling.INJECTION.of_pods(pods, namespace, joined=joined))
        assert observing.is_injected(alone, namespace) is joined
        assert enrolling.INJECTION.of_pods(alone, namespace, joined=joined) == {}


def test_what_takes_part_in_its_own_way_stays_so() -> None:
    """An ingress controller has a value of its own, which is not overwritten."""
    assert enrolling.INJECTION.of_namespace(_marked("ingress"), joined=True) == {}
    assert enrolling.INJECTION.of_pods(_marked("ingress"), {}, joined=True) == {}
