"""Applies and deletes manifests in a test's cluster, without kubectl and without the code that is tested.

Invariant: an object is applied by the server; one that is gone already counts as deleted.
"""

import json
import time
from collections.abc import Iterable
from typing import Any

import httpx
import yaml

OWNER = "testbed"
_DELETED_S = 60.0
Object = dict[str, Any]


class Objects:
    """The operations on objects of any kind that the API server serves."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def apply(self, *objects: Object) -> None:
        """Apply in the given order. Raises httpx.HTTPStatusError, which holds the server's words."""
        for each in objects:
            self.try_apply(each).raise_for_status()
            if each["kind"] == "CustomResourceDefinition":
                self._kinds.clear()

    def try_apply(self, each: Object) -> httpx.Response:
        """What the server answers to one object."""
        return self._client.patch(
            self.path(each),
            params={"fieldManager": OWNER, "force": "true"},
            content=json.dumps(each),
            headers={"content-type": "application/apply-patch+yaml"},
        )

    def get(self, each: Object) -> Object | None:
        """The object that the given one names, as the server has it."""
        answer = self._client.get(self.path(each))
        if answer.status_code == 404:
            return None
        return dict(answer.raise_for_status().json())

    def delete(self, *objects: Object) -> None:
        """Ask for the end of each; a kind that is gone has taken its objects along."""
        for each in objects:
            try:
                answer = self._client.delete(self.path(each), params={"propagationPolicy": "Background"})
            except KeyError:
                continue
            if answer.status_code != 404:
                answer.raise_for_status()

    def await_gone(self, *objects: Object) -> None:
        """Wait for the end of each. Raises TimeoutError after a minute."""
        deadline = time.monotonic() + _DELETED_S
        for each in objects:
            while self.get(each):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.path(each)} is still there after {_DELETED_S:g} s")
                time.sleep(0.05)

    def path(self, each: Object) -> str:
        """Where the object is. Raises KeyError when the server does not know its kind."""
        version, metadata = each["apiVersion"], each["metadata"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plural, namespaced = self._kind(base, each["kind"])
        place = f"/namespaces/{metadata.get('namespace', 'default')}" if namespaced else ""
        return f"{base}{place}/{plural}/{metadata['name']}"

    def _kind(self, base: str, kind: str) -> tuple[str, bool]:
        deadline = time.monotonic() + 10
        while (base, kind) not in self._kinds:  # a definition that was made just now is served a little later
            answer = self._client.get(base)
            for one in answer.json()["resources"] if answer.status_code == 200 else ():
                if "/" not in one["name"]:
                    self._kinds[base, one["kind"]] = one["name"], one["namespaced"]
            if (base, kind) not in self._kinds:
                if time.monotonic() > deadline:
                    raise KeyError(f"{kind} is not served under {base}")
                time.sleep(0.05)
        return self._kinds[base, kind]


def parsed(text: str) -> list[Object]:
    """The objects of a manifest."""
    return [each for each in yaml.safe_load_all(text) if each]


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Namespaces and definitions first, what the API server asks at every change last."""
    first, last = ("Namespace", "CustomResourceDefinition"), "WebhookConfiguration"
    return sorted(objects, key=lambda each: (each["kind"].endswith(last), each["kind"] not in first))
