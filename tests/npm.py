"""Programs from npm that tests run, exactly as locked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NODE, NPM = shutil.which("node"), shutil.which("npm")
OPTIONS = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]


def needs(is_there: bool, what: str) -> None:
    """Without it the test says so, and CI fails."""
    if not is_there:
        assert os.environ.get("CI") != "true", f"no {what}: `make test` installs it where it may"
        pytest.skip(f"{what} is not installed")


def install(folder: Path, into: Path) -> Path:
    """Copy what lies in `folder` and add what its lock names; the copy is returned."""
    needs(NODE is not None and NPM is not None, "Node.js with npm")
    shutil.copytree(folder, into, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(  # noqa: S603
        [str(NPM), "ci", *OPTIONS],
        cwd=into,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return into
