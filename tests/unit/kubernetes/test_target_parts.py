"""Parts of the Kubernetes target that need no server: owned fields, ownership, readiness, order."""

from typing import Any

import pytest

from meshwright.core import kit
from meshwright.core.kit.kubernetes.target import bodies, fields, ordering, ownership, readiness
from meshwright.schemas.references import ResourceRef


def owned(*entries: tuple[str, str, dict[str, Any]], **body: Any) -> dict[str, Any]:
    """An object with managers."""
    managed = [{"manager": name, "operation": how, "apiVersion": "v1", "fieldsV1": what} for name, how, what in entries]
    meta = {"name": "a", "namespace": "n", "managedFields": managed, **body.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, **body}


def test_what_a_manager_applied_is_found_by_its_fields() -> None:
    """Maps, lists with keys, sets and whole values; nothing of what others own."""
    body = owned(
        (
            "mine",
            "Apply",
            {
                "f:metadata": {"f:labels": {"f:mine": {}}, "f:finalizers": {'v:"a/b"': {}}},
                "f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:name": {}}}},
            },
        ),
        ("other", "Update", {"f:spec": {"f:type": {}}}),
        metadata={"labels": {"mine": "1", "theirs": "2"}, "finalizers": ["c/d", "a/b"]},
        spec={
            "type": "ClusterIP",
            "ports": [
                {"port": 81, "protocol": "TCP"},
                {"port": 80, "protocol": "TCP", "name": "http", "targetPort": 80},
            ],
        },
    )
    assert fields.applied(body, "mine") == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "n", "labels": {"mine": "1"}, "finalizers": ["a/b"]},
        "spec": {"ports": [{"port": 80, "protocol": "TCP", "name": "http"}]},
    }
    assert fields.applied(body, "other") is None


def test_only_what_a_design_created_and_still_stands_for_alone_is_deleted() -> None:
    """By what the server recorded; a copied annotation and a shared object are not enough."""
    mark = {"metadata": {"annotations": {ownership.CREATED_BY: "mine"}}}
    assert ownership.fate(owned(("mine", "Apply", {}), **mark), "mine") == "delete"
    assert ownership.fate(owned(("mine", "Apply", {}), ("kubectl", "Update", {}), **mark), "mine") == "delete"
    assert ownership.fate(owned(("mine", "Apply", {}), ("helm", "Apply", {}), **mark), "mine") == "release"
    assert ownership.fate(owned(("mine", "Apply", {})), "mine") == "release"
    assert ownership.fate(owned(("kubectl", "Update", {}), **mark), "mine") == "leave"


def test_a_field_manager_is_reported_as_what_it_stands_for() -> None:
    """A design by its name and mesh; a name that would be too long is still its own."""
    mesh = kit.MeshRef(workspace="w", connection="c", mesh="prod")
    assert ownership.words(ownership.manager_of(mesh, "canary")) == "design canary of mesh prod"
    assert ownership.words("kubectl-client-side-apply") == "kubectl-client-side-apply"
    long = [ownership.manager_of(mesh, f"{'x' * 140}{number}") for number in (1, 2)]
    assert [len(each) for each in long] == [128, 128]
    assert long[0] != long[1]


def test_tools_that_put_things_back_are_reported() -> None:
    """Argo CD and Flux say on the object that it is theirs."""
    argo = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}}
    assert ownership.gitops_words(argo) == "Argo CD application shop"
    assert ownership.gitops_words({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}}) == (
        "Flux kustomization apps"
    )
    assert ownership.gitops_words({"metadata": {}}) == ""


def test_objects_come_after_what_they_need() -> None:
    """Namespaces, definitions, roles, what is built in, custom resources, webhooks; and go in reverse."""
    refs = [
        ResourceRef(group="admissionregistration.k8s.io", kind="ValidatingWebhookConfiguration", name="w"),
        ResourceRef(group="gateway.networking.k8s.io", kind="HTTPRoute", namespace="n", name="r"),
        ResourceRef(group="rbac.authorization.k8s.io", kind="Role", namespace="n", name="r"),
        ResourceRef(group="rbac.authorization.k8s.io", kind="RoleBinding", namespace="n", name="r"),
        ResourceRef(group="apps", kind="Deployment", namespace="n", name="d"),
        ResourceRef(group="apiextensions.k8s.io", kind="CustomResourceDefinition", name="c"),
        ResourceRef(kind="Namespace", name="n"),
    ]
    order = [[each.kind for each in phase] for phase in ordering.phases(refs)]
    assert order == [
        ["Namespace"],
        ["CustomResourceDefinition"],
        ["Role"],
        ["Deployment", "RoleBinding"],
        ["HTTPRoute"],
        ["ValidatingWebhookConfiguration"],
    ]
    assert [len(each) for each in ordering.phases(refs, reverse=True)] == [1, 1, 2, 1, 1, 1]
    assert ordering.phases(refs, reverse=True)[0][0].kind == "ValidatingWebhookConfiguration"


def status(kind: str, api: str = "apps/v1", generation: int = 2, spec: Any = None, **told: Any) -> dict[str, Any]:
    """An object with a status."""
    meta = {"name": "a", "generation": generation}
    return {"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec or {}, "status": told}


TWO = {"replicas": 2}
ACCEPTED = {"type": "Accepted", "status": "True", "observedGeneration": 2}


@pytest.mark.parametrize(
    ("body", "state", "because"),
    [
        (status("Deployment", spec=TWO, observedGeneration=1), "waiting", "not seen"),
        (status("Deployment", spec=TWO, observedGeneration=2, updatedReplicas=1), "waiting", "1 of 2"),
        (
            status("Deployment", spec=TWO, observedGeneration=2, replicas=3, updatedReplicas=2, availableReplicas=2),
            "waiting",
            "1 old",
        ),
        (
            status("Deployment", spec=TWO, observedGeneration=2, replicas=2, updatedReplicas=2, availableReplicas=2),
            "ready",
            "",
        ),
        (
            status(
                "Deployment",
                observedGeneration=2,
                conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "too slow"}],
            ),
            "failed",
            "too slow",
        ),
        (status("DaemonSet", observedGeneration=2, desiredNumberScheduled=1), "waiting", "0 of 1"),
        (status("Job", "batch/v1", conditions=[{"type": "Failed", "status": "True", "message": "no"}]), "failed", "no"),
        (status("Thing", "example.org/v1"), "ready", ""),
        (status("Thing", "example.org/v1", conditions=[ACCEPTED]), "ready", ""),
        (status("Thing", "example.org/v1", conditions=[{**ACCEPTED, "observedGeneration": 1}]), "waiting", "version"),
        (
            status(
                "Gateway", "gateway.networking.k8s.io/v1", conditions=[{**ACCEPTED, "status": "False", "reason": "X"}]
            ),
            "waiting",
            "Accepted: X",
        ),
        (
            status(
                "HTTPRoute",
                "gateway.networking.k8s.io/v1",
                parents=[{"conditions": [{**ACCEPTED, "type": "ResolvedRefs", "status": "False", "message": "no b"}]}],
            ),
            "waiting",
            "no b",
        ),
    ],
)
def test_readiness_is_what_an_objects_own_status_says(body: dict[str, Any], state: str, because: str) -> None:
    """Of its current generation, with the reason in words."""
    told = readiness.verdict(body)
    assert told.state == state
    assert because in told.because


def test_a_secret_is_compared_and_never_shown() -> None:
    """As the server keeps it, whichever way it was written."""
    meta = {"name": "a", "uid": "1", "resourceVersion": "2"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"k": "value"}}
    same = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "dmFsdWU="}}
    assert bodies.shown(secret) == bodies.shown(same)
    assert "value" not in str(bodies.shown(secret))
    assert "dmFsdWU" not in str(bodies.shown(secret))
