"""The command line: what it prints, how it fails, and that it starts fast."""

import argparse
import importlib
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import minibert
from minibert import cli, kernels


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "minibert", *words],
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )


@pytest.fixture
def command(monkeypatch):
    """A command whose run is the function that is given."""

    def install(function):
        module = SimpleNamespace(__doc__="A try.", add_arguments=lambda parser: None, run=function)
        monkeypatch.setitem(cli.COMMANDS, "try", "a try")
        monkeypatch.setitem(sys.modules, "minibert.cli.try", module)
        monkeypatch.delenv("MINIBERT_DEBUG", raising=False)
        return lambda: cli.main(["try"])

    return install


def raises(error):
    def function(args):
        raise error

    return function


@pytest.mark.quick
def test_version():
    done = run("--version")
    assert done.stdout.decode().split() == ["minibert", minibert.__version__]
    assert done.returncode == 0


@pytest.mark.parametrize("words", [[], ["no-such-command"], ["doctor", "--no-such-option"]])
def test_bad_arguments(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_a_help_page(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    first = importlib.import_module(f"minibert.cli.{name.replace('-', '_')}").__doc__.split("\n")[0]
    assert first in capsys.readouterr().out


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = capsys.readouterr().out
    assert all(name in out for name in cli.COMMANDS)


@pytest.mark.parametrize(
    "error", [ValueError("hidden is 7"), OSError("no such file"), ImportError("needs matplotlib")]
)
def test_bad_input_is_one_line(error, command, capsys, monkeypatch):
    main = command(raises(error))
    assert main() == 2
    assert capsys.readouterr().err == f"minibert: error: {error}\n"
    monkeypatch.setenv("MINIBERT_DEBUG", "1")
    with pytest.raises(type(error)):
        main()


def test_the_systems_errors_name_the_file_first(command, capsys):
    main = command(raises(FileExistsError(17, "File exists", "out")))
    assert main() == 2
    assert capsys.readouterr().err == "minibert: error: out: File exists\n"


def test_kernels_that_are_not_here(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "minibert._c", None)
    for name in ("c_library", "c_ops"):
        monkeypatch.delitem(sys.modules, f"minibert.kernels.{name}", raising=False)
    assert command(lambda args: kernels.use("c"))() == 2
    said = capsys.readouterr().err
    assert "kernels level 'c' is not available here" in said
    assert said.count("\n") == 1


def test_a_bug_keeps_its_traceback(command):
    with pytest.raises(ZeroDivisionError):
        command(raises(ZeroDivisionError()))()


def test_ctrl_c(command):
    assert command(raises(KeyboardInterrupt()))() == 130


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (3, 3)])
def test_exit_status(returned, status, command):
    assert command(lambda args: returned)() == status


def test_a_console_without_utf8():
    code = (
        "import sys, types; from minibert import cli; cli.COMMANDS['try'] = ''\n"
        "sys.modules['minibert.cli.try'] = types.SimpleNamespace(__doc__='',"
        " add_arguments=lambda p: None, run=lambda a: print('\\u5929 \\u2713'))\n"
        "sys.exit(cli.main(['try']))"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    assert done.stdout.split() == [rb"\u5929", rb"\u2713"]


@pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise on Windows")
def test_a_closed_pipe_is_quiet():
    shell = f"{sys.executable} -m minibert doctor | true"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, check=True)
    assert done.stderr == b""


def test_starting_is_light():
    """Neither Numba nor matplotlib, nor any other command, is imported to print the version."""
    code = (
        "import sys; from minibert import cli\n"
        "try: cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    heavy = {"numba", "matplotlib", "minibert.cli.doctor", "minibert.cli.demo", "torch"}
    assert heavy.isdisjoint(done.stdout.split())


def test_a_command_takes_its_arguments():
    parser = argparse.ArgumentParser()
    importlib.import_module("minibert.cli.doctor").add_arguments(parser)
    assert parser.parse_args(["--json"]).json is True
