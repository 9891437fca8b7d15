"""Results and folders that somebody's function has had its hands on."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from minibert.check.apart.files import read_bytes, read_result, read_values, write_values

from .plans import FIRST, PLAN, attention, exits, linux, run


@linux
def test_a_broken_result_is_none(tmp_path):
    def spoils(q, k, v, bias):
        folder = Path(os.readlink("/proc/self/fd/1")).parent
        for path in folder.glob("result*"):
            path.write_bytes(path.read_bytes()[:-9])
        return q

    ran = run(spoils)
    assert list(ran.results) == [PLAN[-1].key]
    assert read_result(tmp_path, "result0") is None
    write_values(tmp_path, "result0", (1, 2))
    assert read_result(tmp_path, "result0") is None
    for text in ("{", "null", '{"array": "../secret-0.npy", "number": false}', "[" * 100_000):
        (tmp_path / "result0.json").write_text(text)
        assert read_result(tmp_path, "result0") is None


@linux
def test_what_they_put_in_the_place_of_others_stays_with_them():
    import json

    def replaces(q, k, v, bias):
        np.save = os.replace = json.dumps = np.array_equal = None
        return q

    assert len(run(replaces).results) == len(PLAN)
    assert np.save is not None


def _of_the_child():
    return Path(os.readlink("/proc/self/fd/1")).parent


@linux
def test_the_folder_may_vanish():
    import shutil

    def removes(q, k, v, bias):
        print("gone")
        shutil.rmtree(_of_the_child())
        return q

    ran = run(removes)
    assert (ran.results, ran.ended) == ({}, "left no results that can be read")
    assert (ran.running, ran.printed) == (FIRST, "gone\n")

    def waits(q, k, v, bias):
        shutil.rmtree(_of_the_child())
        while True:
            pass

    ran = run(waits, time_limit=1.5)
    assert (ran.running, ran.ended) == (FIRST, "did not end within 1.5 s")


@linux
def test_the_working_folder_may_vanish(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def removes(q, k, v, bias):
        tmp_path.rmdir()
        raise ValueError("gone")

    found = run(removes, PLAN[:1])
    assert (found.ended, found.results[FIRST].error.message) == ("", "gone")
    assert run(attention, PLAN[:1]).results[FIRST].error is None


@linux
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_other_things_in_the_place_of_files(kind, tmp_path):
    put = {
        "pipe": os.mkfifo,
        "link": lambda path: os.symlink("/dev/zero", path),
        "folder": os.mkdir,
    }[kind]

    def puts(q, k, v, bias):
        folder = _of_the_child()
        names = {path.name for path in folder.iterdir()}
        for name in names | {"printed.head", "result1.json", "result1-0.npy", "end.json"}:
            (folder / name).unlink(missing_ok=True)
            put(folder / name)
        os.write(1, b"x" * 2**21)
        os._exit(3)

    start = time.monotonic()
    ran = run(puts)
    assert time.monotonic() - start < 5
    assert (ran.results, ran.ended) == ({}, "ended the process with exit code 3")
    assert (ran.running, ran.at, ran.printed) == (FIRST, (), "x" * 2000)
    write_values(tmp_path, "values", np.ones(3))
    (tmp_path / "values-0.npy").unlink()
    put(tmp_path / "values-0.npy")
    with pytest.raises(ValueError, match="cannot be read"):
        read_values(tmp_path, "values")


def test_as_much_of_a_file_as_is_asked_for(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    assert read_bytes(tmp_path / "a", 3) == b"012"
    assert read_bytes(tmp_path / "a", 3, last=True) == b"789"
    assert read_bytes(tmp_path / "a", 30, last=True) == b"0123456789"


@linux
def test_somebody_else_may_wait_for_all_children():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert len(run(attention).results) == len(PLAN)
        assert run(exits).ended == "ended the process"
    finally:
        signal.signal(signal.SIGCHLD, before)


@linux
def test_runs_in_several_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.append(run(attention))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(ran.ended, len(ran.results)) for ran in found] == 4 * [("", len(PLAN))]


def test_there_must_be_a_function():
    with pytest.raises(ValueError, match="no function to run"):
        run((None, None))
