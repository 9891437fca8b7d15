"""A directory's weights and its config, which change together.

Both are written under temporary names and then renamed, the weights first. Whatever an
interruption leaves can be told apart:

    both temporary files, or the weights' alone    the old pair is whole
    the config's alone                             the new weights are in place: it belongs to them
"""

import os
from pathlib import Path

from minibert.interop.tensors import file_bytes
from minibert.text.disk import part_of, sync_folder, write_part

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def config_path(folder):
    """The file that holds the config of a directory's weights."""
    config, weights = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    interrupted = part_of(config).is_file() and not part_of(weights).exists()
    return part_of(config) if interrupted else config


def write_pair(folder, tensors, metadata, config_text):
    """Write config.json and model.safetensors, so that no mixture of old and new is ever read.

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
    config, weights = folder / CONFIG, folder / WEIGHTS
    if config_path(folder) != config:
        os.replace(config_path(folder), config)  # what an earlier save did not come to
    try:
        write_part(weights, file_bytes(tensors, metadata))
        write_part(config, config_text.encode("utf-8"))
        os.replace(part_of(weights), weights)
    except BaseException:
        # In this order, since the config's alone would mean that it is the one in force.
        part_of(config).unlink(missing_ok=True)
        part_of(weights).unlink(missing_ok=True)
        raise
    os.replace(part_of(config), config)
    sync_folder(folder)
