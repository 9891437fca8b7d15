"""Whose function it is: a callable, or a text such as ``mine.py:attention``.

A file is run under a name of its own, with its folder first on the path, so that what lies beside
it can be imported as when the file itself is run. Nothing of it is run before `load`.
"""

import importlib
import importlib.util
import inspect
import os
import site
import sys
import types
from pathlib import Path
from typing import NamedTuple

from minibert.data.names import nearest_name, some_names

FORM = "write FILE.py:FUNCTION, such as mine.py:attention"


class Source(NamedTuple):
    """A function in a file.

    Attributes
    ----------
    path : Path
        The file.
    name : str
        The function; ``Class.method`` is one, too.
    module : str
        What the file is imported as; empty where it was given as a file.
    """

    path: Path
    name: str
    module: str = ""


class LoadError(ValueError):
    """The file is there, the function is not."""


def as_target(given):
    """What somebody gave: a callable or a `Source` as it is, a text parsed.

    Raises
    ------
    ValueError
        It is none of these; of a text, as `parse_source` says.
    """
    if isinstance(given, str):
        return parse_source(given)
    if isinstance(given, Source) or callable(given):
        return given
    raise ValueError(f"{given!r:.80} is no function: give one, or a text; {FORM}")


def parse_source(text):
    """The `Source` that a text means.

    Parameters
    ----------
    text : str
        ``mine.py:attention``, ``folder/mine.py:Class.method``, or a module, as it is imported from
        here, ``package.mine:attention``.

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        There is no name, or no such file; the message says which file was perhaps meant.
    """
    place, colon, name = text.strip().rpartition(":")
    place, name = place.rstrip(":").strip(), name.strip()  # mine.py::attention is as good
    if not colon or "/" in name or "\\" in name or name.endswith(".py"):
        raise ValueError(f"{text!r} names no function: {FORM}")
    if not place:
        raise ValueError(f"{text!r} names no file: {FORM}")
    if not name:
        raise ValueError(f"{text!r} names no function after the colon: {FORM}")
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"{text!r}: {name!r} cannot be the name of a function; {FORM}")
    path = Path(place).expanduser()
    if path.suffix.lower() == ".py" or (path.exists() and not _module_file(place)):
        return Source(_checked(path), name)
    found = _module_file(place)
    if found is None:
        raise ValueError(f"there is no file {place!r}, and no module of that name{_near(path)}")
    return Source(found, name, place)


def _checked(path):
    """The path of a .py file, absolute."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; {FORM}")
    if not path.exists():
        raise ValueError(f"there is no file {str(path)!r}{_near(path)}")
    if path.suffix.lower() == ".ipynb":
        raise ValueError(f"{path} is a notebook: call diagnose in it, with the function itself")
    if path.suffix.lower() != ".py":
        raise ValueError(f"{path} is not a .py file; {FORM}")
    return path.absolute()


def _near(path):
    """The end of a message: the .py file in that folder that was perhaps meant."""
    folder = path.parent
    if not folder.is_dir():
        return f"; there is no folder {str(folder)!r} either"
    return nearest_name(path.with_suffix(".py").name, (p.name for p in folder.glob("*.py")))


def _module_file(name):
    """The file of a module, found without importing anything."""
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    for entry in [os.getcwd(), *sys.path]:
        place = Path(entry or ".", *name.split("."))
        for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if path.is_file():
                return path.absolute()
    return None


def source_of(function):
    """The `Source` that a function can be imported from again, or None: a lambda, a closure."""
    try:
        name, module = function.__qualname__, function.__module__
        path = Path(inspect.getsourcefile(function)).absolute()
        found = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part)
        if found is not function or not path.is_file():
            return None
    except Exception:  # an object of theirs may raise anything when asked for its name
        return None
    return Source(path, name, "" if module == "__main__" else module)


def load(source, modules=None):
    """Run the file, and get the function.

    Parameters
    ----------
    source : Source
    modules : dict, optional
        Files that were run already, by path, and objects of their classes; two functions of one
        file share it, two methods of a class its object.

    Returns
    -------
    callable

    Raises
    ------
    LoadError
        There is no such function; the message says which there are.
    BaseException
        Whatever the file raises, a SyntaxError among it.
    """
    modules = {} if modules is None else modules
    if source.path not in modules:
        modules[source.path] = _run_module(source) if source.module else _run_file(source.path)
    return _function(modules[source.path], source, modules)


def _run_module(source):
    root = str(source.path.parents[len(source.module.split(".")) - 1])
    if source.path.name == "__init__.py":
        root = str(Path(root).parent)
    if root not in sys.path:
        sys.path.insert(0, root)
    return importlib.import_module(source.module)


def _run_file(path):
    folder = path.parent
    sys.path.insert(0, str(folder))
    _forget_namesakes(folder)
    name = f"_given_{path.stem}"
    module = types.ModuleType(name)
    module.__file__ = str(path)
    module.__spec__ = importlib.util.spec_from_file_location(name, path)
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    sys.modules[name] = module  # dataclasses look for their module there
    exec(code, module.__dict__)
    return module


def _forget_namesakes(folder):
    """Let go of imported modules that files in the folder are named like: those are meant now.

    Installed packages and the standard library stay, or NumPy would be imported twice.
    """
    names = {p.stem for p in folder.glob("*.py")} | {p.parent.name for p in folder.glob("*/*.py")}
    kept = tuple(site.getsitepackages()) if hasattr(site, "getsitepackages") else ()
    for name in names - sys.stdlib_module_names - {"minibert", "numpy", "__main__"}:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and not file.startswith(kept):
            for full in [n for n in sys.modules if n == name or n.startswith(f"{name}.")]:
                del sys.modules[full]


def _function(module, source, objects):
    """The attribute, with an object of its class where it is a method."""
    found, owner, said = module, None, source.path.name
    for part in source.name.split("."):
        if not hasattr(found, part):
            raise LoadError(_missing(found, part, said, module))
        owner, found = found, getattr(found, part)
        said = f"{said}{':' if owner is module else '.'}{part}"
    if not callable(found):
        raise LoadError(f"{said} is {_a(type(found).__name__)}, not a function")
    if inspect.isclass(owner) and inspect.isfunction(vars(owner).get(part)):
        try:
            if owner not in objects:
                objects[owner] = owner()
        except TypeError as error:
            raise LoadError(
                f"{said} is a method, and {owner.__name__}() cannot be made without arguments "
                f"({error}): write a function that makes one and calls it"
            ) from None
        return getattr(objects[owner], part)
    return found


def _missing(owner, name, said, module):
    """The sentence about a name that is not there."""
    names = [n for n, value in vars(owner).items() if callable(value) and not n.startswith("__")]
    own = [n for n in names if getattr(vars(owner)[n], "__module__", None) == module.__name__]
    names = own or names
    kind = "method" if inspect.isclass(owner) else "function"
    there = f"has {some_names(names)}" if names else f"has no {kind}s"
    return f"{said} has no {kind} {name!r}{nearest_name(name, names)} ({there})"


def _a(name):
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
