"""What an installed minibert brings along."""

import fnmatch
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import minibert

ROOT = Path(__file__).parents[1]
PACKAGE = Path(minibert.__file__).parent
NOT_DATA = {".py", ".pyc", ".so", ".pyd", ".nbi", ".nbc"}


@pytest.fixture(scope="module")
def settings():
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module")
def distribution():
    try:
        return metadata.distribution("minibert-numpy")
    except metadata.PackageNotFoundError:
        pytest.skip("minibert-numpy is not installed: the tests run on a bare checkout")


def test_every_data_file_is_installed(settings):
    patterns = settings["tool"]["setuptools"]["package-data"]["*"]
    left_out = [
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*")
        if path.is_file()
        and path.suffix not in NOT_DATA
        and path.name != "_c_build.txt"
        and not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert left_out == [], "add its ending to package-data and to MANIFEST.in"


def test_source_distribution_has_the_same_data(settings):
    patterns = settings["tool"]["setuptools"]["package-data"]["*"]
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").split("\n")
    (line,) = (line for line in lines if line.startswith("recursive-include minibert "))
    assert set(line.split()[2:]) == set(patterns)


def test_metadata(distribution):
    assert distribution.version == minibert.__version__
    assert distribution.metadata["Requires-Python"] == ">=3.11"
    assert distribution.metadata["License-Expression"] == "MIT"
    (script,) = distribution.entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("minibert", "minibert.cli:main")
    assert (PACKAGE / "py.typed").exists()


def test_no_dependency_has_an_upper_pin(settings):
    wanted = [line.split(";")[0] for line in settings["project"]["dependencies"]]
    assert not [line for line in wanted if "<" in line or "==" in line or "~" in line]
