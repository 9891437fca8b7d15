"""Several Python threads, Ctrl-C, the end of the process; and one number of threads for all."""

import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from minibert import kernels
from minibert.config import BertConfig
from minibert.kernels import packs, pool, processors
from minibert.pretrained import BertForSequenceClassification
from minibert.train import TrainStep

PATIENCE = 240  # seconds for what takes one or two, on a machine with other work


def python(code, **environment):
    """Run a program; its stdout and stderr, once it ended well."""
    code = "import faulthandler; faulthandler.dump_traceback_later(200)\n" + textwrap.dedent(code)
    command = [sys.executable, "-c", code]
    environment = os.environ | environment
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def trained(seed):
    """The bytes of a model and of its outputs, after two steps of training."""
    config = BertConfig.uniform(vocab=50, hidden=24, n_layers=2, heads=2, ffn=40)
    model = BertForSequenceClassification(config, seed=seed)
    ids = np.random.default_rng(seed).integers(1, 50, (5, 13))
    before = model(ids).logits.tobytes()
    step = TrainStep(model, lr=1e-3, seed=seed)
    losses = [step(input_ids=ids, labels=np.arange(5) % 2) for _ in range(2)]
    arrays = [model.params[name].tobytes() for name in sorted(model.params)]
    return before, losses, arrays, model(ids).logits.tobytes()


@pytest.mark.parametrize("level", ["auto", "numba"])
def test_models_in_several_threads_are_the_models_alone(level, small_blocks, set_threads):
    """While another thread changes the number of threads all the time."""
    if level == "numba" and kernels.available("numba")[1]:
        pytest.skip("no Numba")
    set_threads(2)
    with kernels.use(level):
        alone = [trained(seed) for seed in range(3)]
        found, running = {}, threading.Event()
        running.set()

        def change():
            while running.is_set():
                for n in (1, 3, 2, None):
                    pool.set_threads(n)
                    running.wait(0)

        def work(seed):
            found[seed] = [trained(seed) for _ in range(3)]

        changer = threading.Thread(target=change)
        workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
        for thread in (changer, *workers):
            thread.start()
        for thread in workers:
            thread.join(PATIENCE)
        running.clear()
        changer.join(PATIENCE)
    assert found == {seed: [bits] * 3 for seed, bits in enumerate(alone)}


def test_threads_that_were_let_go_end(set_threads):
    for n in (2, 4, 3):
        set_threads(n)
        pool.run((lambda _: None, pool.blocks(8, 1)))
    set_threads(1)
    ours = [thread for thread in threading.enumerate() if thread.name == "minibert"]
    for thread in ours:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in ours)


def test_errors_in_several_threads(set_threads):
    """Each caller gets its own error, and the pool lives."""
    set_threads(2)
    wrong = []

    def caller(me):
        def block(at):
            if at.start == 3:
                raise KeyError(me)

        for _ in range(100):
            try:
                pool.run((block, pool.blocks(6, 1)))
                wrong.append("no error")
            except KeyError as error:
                if error.args != (me,):
                    wrong.append(error)

    callers = [threading.Thread(target=caller, args=(me,)) for me in range(3)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(PATIENCE)
    assert not wrong
    assert_two_threads_work()


def assert_two_threads_work():
    barrier = threading.Barrier(2, timeout=PATIENCE)
    pool.run((lambda _: barrier.wait(), pool.blocks(2, 1)))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")
def test_ctrl_c_at_any_moment(set_threads):
    """It comes out of `run`, the pool is not lost and BLAS gets its threads back."""
    set_threads(2)
    x, random_delay = np.ones((60, 60)), random.Random(0)

    def block(_):
        x @ x

    def interrupt(*_):
        raise KeyboardInterrupt

    def run_until_then():
        signal.setitimer(signal.ITIMER_REAL, random_delay.uniform(1e-4, 3e-3))
        while True:
            pool.run((block, pool.blocks(4, 1)))

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with threadpool_limits(2, user_api="blas"):
            counts = pool._BLAS.counts()
            for _ in range(60):
                with pytest.raises(KeyboardInterrupt):
                    run_until_then()
                assert_two_threads_work()
                assert pool._BLAS.counts() == counts
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")
def test_ctrl_c_in_a_model(set_threads):
    """The thread is not left as one that wants no gradients."""
    set_threads(2)
    config = BertConfig.uniform(vocab=23, hidden=12, n_layers=1, heads=3, ffn=20)
    model, random_delay = BertForSequenceClassification(config), random.Random(1)
    expected = model([[2, 5, 7]]).logits

    def interrupt(*_):
        raise KeyboardInterrupt

    def run_until_then():
        # Again after a while: what is raised while an object is freed Python only reports.
        signal.setitimer(signal.ITIMER_REAL, random_delay.uniform(1e-4, 2e-3), 0.05)
        try:
            while True:
                model([[2, 5, 7]])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(300):
            with pytest.raises(KeyboardInterrupt):
                run_until_then()
            if packs.current() is not None:
                gc.collect()  # the error, with all that it holds
            assert packs.current() is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert_two_threads_work()
    assert np.array_equal(model([[2, 5, 7]]).logits, expected)


def test_one_text_at_the_level_of_the_formulas():
    """BLAS has several threads of its own, and the bits are the same."""
    code = """
        import numpy as np
        from minibert import BertConfig, BertForSequenceClassification, kernels, set_threads

        kernels.use("numpy")
        config = BertConfig.uniform(vocab=50, hidden=312, n_layers=2, heads=12, ffn=1200)
        model, found = BertForSequenceClassification(config), []
        ids = np.arange(128)[None] % 50
        for n in (1, 2):
            set_threads(n)
            found.append(model(ids).last_hidden_state)
        print(np.array_equal(*found))
        """
    assert python(code, OPENBLAS_NUM_THREADS="2", MKL_NUM_THREADS="2") == ("True", "")


@pytest.mark.parametrize("ends", ["idle", "at work", "called", "called together"])
def test_the_end_of_the_process(ends):
    """While the pool's threads wait, work, or are called by a thread that nobody waits for."""
    said = python(f"""
        import threading, time
        import numpy as np
        from minibert.kernels import pool

        pool.set_threads(3)
        x = np.ones((300, 300), "f4")
        pool.run((lambda _: x @ x, range(6)))
        begun = threading.Event()

        def work(_):
            begun.set()
            time.sleep(1)

        def call():
            while True:
                pool.run((lambda _: time.sleep(0.001), range(6)))

        def call_together():
            while True:
                pool.together(lambda: time.sleep(0.001))

        if {ends!r} == "called together":
            threading.Thread(target=call_together, daemon=True).start()
            time.sleep(0.1)
        if {ends!r} == "at work":
            threading.Thread(target=pool.run, args=((work, range(6)),), daemon=True).start()
            begun.wait()
        if {ends!r} == "called":
            threading.Thread(target=call, daemon=True).start()
            time.sleep(0.1)
        """)
    assert said == ("", "")


def test_a_run_while_a_module_is_imported(tmp_path):
    """In a thread too, for which the module waits."""
    (tmp_path / "at_import.py").write_text(
        textwrap.dedent("""
            import threading
            from minibert.kernels import pool

            seen = []
            pool.set_threads(2)
            pool.run((seen.append, range(5)))
            thread = threading.Thread(target=pool.run, args=((seen.append, range(5)),))
            thread.start()
            thread.join()
            """),
        encoding="utf-8",
    )
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import at_import as m; print(m.seen)"
    assert sorted(eval(python(code)[0])) == sorted([*range(5)] * 2)


def test_blas_outside_has_at_most_as_many_threads(set_threads):
    with threadpool_limits(4, user_api="blas"):
        blas = type(pool._BLAS)()  # which finds BLAS with 4
        counts = []
        for most in (1, 3, 8, None):
            blas.limit(most)
            counts.append(set(blas.counts()))
        assert counts == [{1}, {3}, {4}, {4}]
        token = object()
        blas.enter(token)
        blas.limit(2)  # takes effect when nobody is inside
        assert set(blas.counts()) == {1}
        blas.inside.discard(token)
        blas.leave()
        assert set(blas.counts()) == {2}


def test_blas_is_held_from_any_thread():
    """OpenBLAS through threadpoolctl obeys the first thread that sets it, and no other."""
    counts = []

    def hold():
        pool.run((lambda _: counts.append(pool._BLAS.counts()), [None]))

    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=hold)
        thread.start()
        thread.join(PATIENCE)
        assert set(counts[0]) == {1}
        assert set(pool._BLAS.counts()) == {2}


def test_one_thread_means_one():
    code = """
        import threading
        import numpy as np
        from threadpoolctl import threadpool_info
        from minibert.kernels import pool

        pool.run((lambda _: np.ones((200, 200)) @ np.ones((200, 200)), range(4)))
        blas = {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
        print(pool.get_threads(), threading.active_count(), blas, pool.threads_source())
        """
    assert python(code, MINIBERT_THREADS="1")[0] == "1 1 {1} MINIBERT_THREADS"


@pytest.mark.parametrize("bad", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_in_the_environment(bad, monkeypatch):
    monkeypatch.setenv("MINIBERT_THREADS", bad)
    with pytest.raises(ValueError, match=f"MINIBERT_THREADS is {bad!r}"):
        processors.default_threads()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu.max": "rubbish"}, None),
    ],
)
def test_the_quota_of_a_container(files, expected, tmp_path):
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert processors.container_quota(tmp_path) == expected


def test_a_quota_is_rounded_up(monkeypatch):
    monkeypatch.delenv("MINIBERT_THREADS", raising=False)
    monkeypatch.setattr(processors, "usable", lambda: 8)
    monkeypatch.setattr(processors, "container_quota", lambda: 1.5)
    assert processors.default_threads() == (2, "the container's quota of 1.5 processors")
