"""Members of archives that nobody vouches for."""

import hashlib
import io
import re
import stat
import tarfile
import zipfile

import pytest

from minibert.data.archive import check_sha256, read_members

LIMITS = {"limit": 1000, "total_limit": 100_000}


def wheel(tmp_path, members, compression=zipfile.ZIP_DEFLATED):
    path = tmp_path / "some-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tar(tmp_path, members):
    """A .tar.gz of (name, content); content may be a TarInfo's other fields instead."""
    path = tmp_path / "some-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for field, value in content.items():
                    setattr(info, field, value)
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


BOTH = pytest.mark.parametrize("pack", [wheel, tar])


@pytest.mark.quick
@BOTH
def test_only_what_is_named(pack, tmp_path):
    hostile = [("../../out", b"1"), ("/etc/x", b"2"), ("d/../a", b"3"), ("./a", b"4")]
    path = pack(tmp_path, [*hostile, ("a", b"yes"), ("d/b", b""), ("d/bb", b"5")])
    assert read_members(path, {"a", "d/b"}, **LIMITS) == {"a": b"yes", "d/b": b""}
    assert read_members(path, re.compile("d/b+"), **LIMITS) == {"d/b": b"", "d/bb": b"5"}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@BOTH
def test_missing(pack, tmp_path):
    path = pack(tmp_path, [("a", b"")])
    with pytest.raises(ValueError, match=r"some-1.* has no b, c$"):
        read_members(path, {"c", "a", "b"}, **LIMITS)
    with pytest.raises(ValueError, match=r"has no x\+$"):
        read_members(path, re.compile("x+"), **LIMITS)


@BOTH
def test_too_large_a_member(pack, tmp_path):
    path = pack(tmp_path, [("a", bytes(1000)), ("b", bytes(1001))])
    assert len(read_members(path, {"a"}, **LIMITS)["a"]) == 1000
    with pytest.raises(ValueError, match="b is larger than the 1,000 bytes"):
        read_members(path, {"b"}, **LIMITS)


@BOTH
def test_too_large_together(pack, tmp_path):
    path = pack(tmp_path, [("a", bytes(10_007)), ("b", bytes(10_007))])
    with pytest.raises(ValueError, match=r"larger than|unpacks to more"):
        read_members(path, {"a", "b"}, limit=11_000, total_limit=20_000)


def test_the_size_that_a_zip_tells_is_not_believed(tmp_path):
    path = wheel(tmp_path, [("a", bytes(5000))])
    packed = path.read_bytes()
    assert packed.count((5000).to_bytes(4, "little")) == 2
    path.write_bytes(packed.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    with pytest.raises(ValueError, match="no whole archive"):
        read_members(path, {"a"}, **LIMITS)


def test_a_bomb_that_a_tar_would_skip(tmp_path):
    path = tar(tmp_path, [("bomb", bytes(1_000_000)), ("a", b"")])
    assert path.stat().st_size < 5000
    with pytest.raises(ValueError, match="unpacks to more than 100,000 bytes"):
        read_members(path, {"a"}, **LIMITS)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_a_tar_member_that_is_no_plain_file(kind, tmp_path):
    path = tar(tmp_path, [("secret", b"s"), ("a", {"type": kind, "linkname": "secret"})])
    with pytest.raises(ValueError, match="a is there twice or is no plain file"):
        read_members(path, {"a"}, **LIMITS)


def test_a_zip_member_that_is_a_link(tmp_path):
    info = zipfile.ZipInfo("a")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ValueError, match="no plain file"):
        read_members(wheel(tmp_path, [(info, b"secret")]), {"a"}, **LIMITS)


def test_an_unusual_compression(tmp_path):
    path = wheel(tmp_path, [("a", b"1")], zipfile.ZIP_BZIP2)
    with pytest.raises(ValueError, match="no plain file"):
        read_members(path, {"a"}, **LIMITS)


@BOTH
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_twice(pack, tmp_path):
    path = pack(tmp_path, [("a", b"1"), ("a", b"2")])
    with pytest.raises(ValueError, match="there twice"):
        read_members(path, {"a"}, **LIMITS)


@BOTH
@pytest.mark.parametrize("part", [0, 0.3, 0.7])
def test_a_broken_archive(pack, part, tmp_path):
    path = pack(tmp_path, [("a", bytes(range(256)))])
    packed = path.read_bytes()
    path.write_bytes(packed[: int(part * len(packed))])
    with pytest.raises(ValueError, match=re.escape(path.name)):
        read_members(path, {"a"}, **LIMITS)


def test_sha256(tmp_path):
    path = wheel(tmp_path, [("a", b"1")])
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    check_sha256(path, right)
    with pytest.raises(ValueError, match=f"has sha256 {right} and should have 00"):
        check_sha256(path, "0" * 64)
