"""Which mistake does somebody's function make? `minibert verify OP --function FILE.py:NAME`.

    minibert verify attention --signature
    minibert verify attention --function mine.py:attention
    minibert verify attention --function mine.py:attention --gradient mine.py:attention_gradient

The function runs on the reference inputs, in a process of its own with a time limit. The exit
status is 0 if it is right, 1 if it is not, and 2 if it cannot be looked for as asked.
"""

import json
from itertools import chain

from minibert.check.diagnose import diagnose
from minibert.check.diagnose.diagnosing import TIME_LIMIT
from minibert.check.mistakes import OPS, op_called


def add_arguments(parser):
    """The arguments that `minibert verify` has for a function of one's own."""
    group = parser.add_argument_group("a function of your own, instead of the library's")
    group.add_argument("--function", metavar="FILE.py:NAME", help="the forward")
    group.add_argument("--gradient", metavar="FILE.py:NAME", help="the gradient")
    group.add_argument("--signature", action="store_true", help="how such a function is called")
    group.add_argument("--mistakes", action="store_true", help="the mistakes that are known")
    group.add_argument("--case", metavar="NAME", help="only this case of the inputs")
    group.add_argument(
        "--hint-level", type=int, choices=range(4), metavar="0..3",
        help="tell a student this much; without it, everything",
    )  # fmt: skip
    limit = f"for everything; {TIME_LIMIT:g} by default"
    group.add_argument("--time-limit", type=float, metavar="SECONDS", help=limit)


def is_asked_for(args):
    """Whether `minibert verify` is to look at a function of one's own."""
    asked = args.function, args.gradient, args.case, args.hint_level, args.time_limit
    return args.signature or args.mistakes or any(value is not None for value in asked)


def run(args):
    """Look at the function, and print what was found; 1 where it is wrong."""
    _check(args)
    ops = [op_called(name) for name in args.ids] or list(OPS.values())
    if args.signature:
        found = {steps.op: _signatures(steps) for steps in ops}
        lines = "\n".join(chain.from_iterable(found.values()))
        print(json.dumps(found, indent=1) if args.json else lines)
        return 0
    if args.mistakes:
        print(_mistakes(ops, args.json))
        return 0
    if len(args.ids) != 1:
        raise ValueError(
            f"--function takes one op, and got {len(args.ids)}: minibert verify attention "
            f"--function {args.function or args.gradient}"
        )
    found = diagnose(
        args.ids[0], args.function, gradient=args.gradient, hint_level=args.hint_level,
        seed=args.seed, case=args.case,
        time_limit=TIME_LIMIT if args.time_limit is None else args.time_limit,
    )  # fmt: skip
    print(json.dumps(found.to_dict(), indent=1) if args.json else found)
    return 0 if found else 1


def _check(args):
    """Raise for options that do not go together."""
    if args.list or args.html:
        raise ValueError("--list and --html are about the library, not a function of your own")
    given = args.function is not None or args.gradient is not None
    if not (given or args.signature or args.mistakes):
        raise ValueError("--case, --hint-level and --time-limit go with --function or --gradient")


def _signatures(steps):
    return [steps.signature_of(part) for part in steps.parts]


def _mistakes(ops, as_json):
    found = [m for steps in ops for m in steps.mistakes]
    if as_json:
        keys = ("id", "sentence", "lesson")
        return json.dumps([{key: getattr(m, key) for key in keys} for m in found], indent=1)
    return "\n".join(f"{m.id}\n    {m.sentence} {m.lesson}" for m in found)
