"""Two programs at once in one folder: whatever the moment, each sees whole models only."""

import os
import threading

import numpy as np
import pytest
from model.small import random_params, uniform

from minibert.interop import huggingface, onefile, read_directory, read_file, write_directory
from minibert.interop import write_file as write_one_file
from minibert.text import disk

from .files import assert_same

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders are locked on POSIX only")
MODELS = []
for _eps in (1e-5, 1e-6, 1e-7):  # alike in shape, so that a mixture would be read
    _config = uniform(eps=_eps)
    MODELS.append((random_params(_config, seed=len(MODELS), dtype=np.float32), _config))


def which(found):
    """The number of a model; a mixture of two has none."""
    (n,) = (i for i, (_, config) in enumerate(MODELS) if config == found[1])
    assert_same(found[0], MODELS[n][0])
    return n


class Meanwhile:
    """At the n-th call of some functions, start what somebody else does, and give it time."""

    def __init__(self, monkeypatch, functions, n, other):
        self.calls, self.n, self.errors = 0, n, []
        self.thread = threading.Thread(target=self._run, args=(other,))
        self.me = threading.get_ident()
        for owner, name in functions:
            monkeypatch.setattr(owner, name, self._with(getattr(owner, name)))

    def _run(self, other):
        try:
            other()
        except Exception as error:
            self.errors.append(error)

    def _with(self, function):
        def run(*args, **kwargs):
            if threading.get_ident() == self.me:
                self.calls += 1
                if self.calls == self.n + 1:
                    self.thread.start()
                    self.thread.join(0.05)  # it has to wait, as a rule
            return function(*args, **kwargs)

        return run

    def end(self):
        """Whether there was such a call; the other is done then."""
        if self.calls > self.n:
            self.thread.join()
        assert not self.errors
        return self.calls > self.n


WRITING = ((os, "replace"), (os, "fsync"))
FORMS = pytest.mark.parametrize(("write", "read"), [
    (write_directory, read_directory), (write_one_file, read_file)], ids=["directory", "file"])


@FORMS
def test_two_writers(tmp_path, monkeypatch, write, read):
    """Both succeed; the last one's model is there, and nothing else."""
    path = tmp_path / "m"
    write(path, *MODELS[0])
    files, n, was_there = len(list(tmp_path.rglob("*"))), 0, True
    while was_there:
        with monkeypatch.context() as patch:
            meanwhile = Meanwhile(patch, WRITING, n, lambda: write(path, *MODELS[2]))
            write(path, *MODELS[1])
            was_there = meanwhile.end()
        assert which(read(path)) == (2 if was_there else 1)
        assert len(list(tmp_path.rglob("*"))) == files
        n += 1
    assert n > 3


@FORMS
def test_a_reader_during_a_write(tmp_path, monkeypatch, write, read):
    path, n, found, was_there = tmp_path / "m", 0, [], True
    while was_there:
        write(path, *MODELS[0])
        with monkeypatch.context() as patch:
            meanwhile = Meanwhile(patch, WRITING, n, lambda: found.append(which(read(path))))
            write(path, *MODELS[1])
            was_there = meanwhile.end()
        n += 1
    assert len(found) == n - 1


@FORMS
def test_a_writer_during_a_read(tmp_path, monkeypatch, write, read):
    """Between the header and the numbers."""
    path = tmp_path / "m"
    write(path, *MODELS[0])
    functions = ((huggingface, "read_stored"), (onefile, "read_stored"))
    meanwhile = Meanwhile(monkeypatch, functions, 0, lambda: write(path, *MODELS[1]))
    assert which(read(path)) == 0
    assert meanwhile.end()
    assert which(read(path)) == 1


def test_two_readers_do_not_wait_for_each_other(tmp_path):
    with disk.locked(tmp_path, shared=True):
        reader = threading.Thread(target=lambda: disk.locked(tmp_path, shared=True).__enter__())
        reader.start()
        reader.join(5)
        assert not reader.is_alive()


def test_no_lock_where_there_is_no_folder(tmp_path):
    with disk.locked(tmp_path / "nowhere"):
        pass


def test_two_writers_of_a_text(tmp_path, monkeypatch):
    path = tmp_path / "x"
    for n in range(3):  # fsync of the file, rename, fsync of the folder
        with monkeypatch.context() as patch:
            meanwhile = Meanwhile(patch, WRITING, n, lambda: disk.write_text(path, "b"))
            disk.write_text(path, "a")
            assert meanwhile.end()
        assert path.read_text() == "b"
        assert os.listdir(tmp_path) == ["x"]
