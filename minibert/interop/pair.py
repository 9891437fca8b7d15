"""A directory's weights and its config, which change together.

Both are written under temporary names and then renamed, the weights first. The weights' metadata
holds the sha256 of the config that they were saved with, so that whatever an interruption leaves
can be told apart: a config that still has its temporary name is the one in force if it fits the
weights in place, and else nothing. config.json itself is not held against it, for people edit it.
"""

import hashlib
import os
from pathlib import Path

from minibert.interop.tensors import file_bytes, read_header
from minibert.text.disk import locked, part_of, sync_folder, write_part

CONFIG, WEIGHTS = "config.json", "model.safetensors"
SEAL = "config_sha256"


def config_path(folder):
    """The file that holds the config of a directory's weights."""
    config, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    pending = part_of(config)
    if not pending.is_file() or part_of(weights).exists():  # then the new weights are not in place
        return config
    try:
        seal = read_header(weights)[1].get(SEAL)
    except (OSError, ValueError):
        return config
    return pending if seal == _sha256(pending.read_bytes()) else config


def write_pair(folder, tensors, metadata, config_text):
    """Write config.json and model.safetensors, so that no mixture of old and new is ever left.

    That holds when it is killed, and when several processes or threads write into one folder:
    they take turns, and the last one's pair is there in the end (see `minibert.text.disk.locked`
    for where folders cannot be locked).

    Parameters
    ----------
    folder : path
        Made if it is not there.
    tensors, metadata : dict
        As for `write_tensors`.
    config_text : str

    Raises
    ------
    OSError
        A file cannot be written; those that were there before stay as they were.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = config_text.encode("utf-8")
    weights = file_bytes(tensors, metadata | {SEAL: _sha256(config)})
    with locked(folder):
        _settle(folder)  # what an earlier save did not come to
        try:
            write_part(folder / WEIGHTS, weights)
            write_part(folder / CONFIG, config)
            os.replace(part_of(folder / WEIGHTS), folder / WEIGHTS)
        finally:
            _settle(folder)
        sync_folder(folder)


def _settle(folder):
    """Put the config in force in its place, and take other temporary files away."""
    config = folder / CONFIG
    if config_path(folder) != config:
        os.replace(part_of(config), config)
    part_of(config).unlink(missing_ok=True)
    part_of(folder / WEIGHTS).unlink(missing_ok=True)


def _sha256(data):
    return hashlib.sha256(data).hexdigest()
