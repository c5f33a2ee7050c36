"""The same servers in containers, on request (`MESHWRIGHT_TEST_CONTAINERS=1`) and with a Docker daemon.

Invariant: a container gets the command, the port and the data folder that the local program would get (host network,
the folder mounted at its own path), so a server class cannot tell the difference.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from docker.errors import DockerException, NotFound
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient


def daemon_answers() -> bool:
    """Whether a Docker daemon answers; otherwise the local programs are used."""
    try:
        return bool(DockerClient().client.ping())
    except DockerException:
        return False


class ContainerProcess:
    """A container with the interface of a process."""

    def __init__(self, image: str, command: Sequence[str], folder: Path) -> None:
        self._container = (
            DockerContainer(image)
            .with_command(list(command))
            .with_volume_mapping(str(folder), str(folder), "rw")
            .with_kwargs(network_mode="host", entrypoint="", user=f"{os.getuid()}:{os.getgid()}")
            .start()
        )

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""
        container = self._container.get_wrapped_container()
        try:
            container.reload()
        except NotFound:
            return 0
        return None if container.status in ("created", "running") else int(container.attrs["State"]["ExitCode"])

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self._container.get_wrapped_container().kill("SIGTERM")

    def kill(self) -> None:
        """Kills it (SIGKILL), and removes it."""
        self._container.stop(force=True)
