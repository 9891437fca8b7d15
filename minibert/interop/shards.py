"""Where a directory's weights are: in one file, or in several with an index."""

from pathlib import Path

from minibert.interop.fit import listed
from minibert.interop.foreign import refuse_folder
from minibert.interop.jsonfile import read_json
from minibert.interop.pair import WEIGHTS
from minibert.interop.tensors import read_header

INDEX = "model.safetensors.index.json"


def read_headers(folder, architecture):
    """What a directory's weights are, unread.

    Parameters
    ----------
    folder : path
    architecture : str
        The transformers class, for the way to convert other formats.

    Returns
    -------
    path : Path
        The file that stands for all, for messages.
    stored : dict of str to Stored
    metadata : dict of str to str

    Raises
    ------
    FileNotFoundError, ValueError
        There are none, or they are in another format, or broken.
    """
    folder = Path(folder)
    if (folder / WEIGHTS).is_file():
        return folder / WEIGHTS, *read_header(folder / WEIGHTS)
    if not (folder / INDEX).is_file():
        refuse_folder(folder, architecture)
    return folder / INDEX, _sharded(folder / INDEX), {}


def _sharded(index):
    """What the files of an index hold."""
    values = read_json(index)
    places = values.get("weight_map") if isinstance(values, dict) else None
    if not isinstance(places, dict) or not all(map(_is_shard, places.values())):
        raise ValueError(
            f"{index} has no usable weight_map, which says of every tensor in which file of this "
            "folder (a plain name that ends in .safetensors) it is"
        )
    headers = {shard: read_header(index.parent / shard)[0] for shard in set(places.values())}
    absent = [name for name, shard in places.items() if name not in headers[shard]]
    if absent:
        raise ValueError(f"{index} puts tensors in files that do not hold them: {listed(absent)}")
    return {name: headers[shard][name] for name, shard in places.items()}


def _is_shard(name):
    """Whether an index's entry is the name of a file in its own folder."""
    is_plain = isinstance(name, str) and not set(name) & set("/\\:\0")
    return is_plain and name.endswith(".safetensors")
