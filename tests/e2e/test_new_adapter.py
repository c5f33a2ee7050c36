"""A third party's first adapter: written by one command, and verified by the tests that it contains."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.e2e, pytest.mark.timeout(240)]
BINARIES = Path(sys.executable).parent


async def run(*command: str, folder: Path, **environment: str) -> str:
    """What a command printed; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(270):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
        raise AssertionError(f"it took too long: {output.decode()}") from None
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_a_new_adapter_passes_its_own_conformance_suite(tmp_path: Path) -> None:
    """`adapter new` writes a package whose tests, the kit's conformance suite among them, pass as they are."""
    told = await run(str(BINARIES / "meshwright"), "adapter", "new", "acme", folder=tmp_path)
    assert "meshwright-adapter acme" in told
    package = tmp_path / "meshwright-adapter-acme"
    # What `pip install -e` does, without asking a package index: the folder, and its entry point.
    site = tmp_path / "site"
    await run(sys.executable, "-c", _INSTALL, str(site), folder=package)
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    told = await run(*tests, folder=package, PYTHONPATH=f"{site}{os.pathsep}{package}", PYTEST_ADDOPTS="")
    assert " passed" in told
    assert "skipped" not in told


_INSTALL = """
import pathlib, sys, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
folder = pathlib.Path(sys.argv[1]) / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
folder.mkdir(parents=True)
(folder / "METADATA").write_text(f"Metadata-Version: 2.4\\nName: {project['name']}\\nVersion: {project['version']}\\n")
points = project["entry-points"]["meshwright.adapters"]
lines = "".join(f"{name} = {value}\\n" for name, value in points.items())
(folder / "entry_points.txt").write_text("[meshwright.adapters]\\n" + lines)
"""
