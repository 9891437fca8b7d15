"""Run somebody's function in a process of its own, and read what it returns as plain arrays.

    source     where the function is: a callable, or a text such as "mine.py:attention"
    records    what is to be called, and what became of it
    running    the parent: starts a child, waits, and reads the results
    processes  children: a copy of this process, or a new interpreter, and how they ended
    kept       what a child prints, and which call it is at
    child      the child: cut off from the terminal, under a time limit
    calls      the calls, with copies of their inputs
    calling    how a function is called: in the signature's order, or by its names
    taken      what it returned: arrays, lists, tensors, a cache beside them
    arrays     a value as a plain array
    theirs     whose line it was: of tracebacks and warnings only what is theirs
    files      values in files, between processes that need not trust each other
"""

from minibert.check.apart.records import Planned, make_plan
from minibert.check.apart.running import run_apart
from minibert.check.apart.source import Source, as_target, parse_source

__all__ = ["Planned", "Source", "as_target", "make_plan", "parse_source", "run_apart"]
