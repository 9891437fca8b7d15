"""Files of weights that are not read here, and what to do with each.

PyTorch's are pickles, which run whatever they hold when they are opened; nothing here opens one.
"""

from pathlib import Path

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
SUFFIXES = (*PICKLES, ".h5", ".msgpack", ".onnx", ".index")  # TensorFlow 1: NAME.ckpt.index
POINTER = b"version https://git-lfs"


def refuse_foreign(path):
    """Raise a ValueError that says what to do if a file is plainly no safetensors."""
    if path.suffix in SUFFIXES:
        raise ValueError(f"{path} is not read: {_way(path)}")
    with path.open("rb") as file:
        if file.read(len(POINTER)) == POINTER:
            raise ValueError(
                f"{path} is not the weights but git's note of where they are: fetch them with "
                "`git lfs pull`"
            )


def refuse_folder(folder, architecture):
    """Raise what fits a folder without safetensors.

    Parameters
    ----------
    folder : Path
    architecture : str
        The transformers class that the folder is for.

    Raises
    ------
    ValueError
        There are weights in another format; the message says how to convert them.
    FileNotFoundError
        There are none.
    """
    foreign = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    weights = [path for path in foreign if path.name != "training_args.bin"]
    if weights:
        found = ", ".join(path.name for path in weights[:3])
        raise ValueError(
            f"{folder} has no model.safetensors, but {found}: {_way(weights[0], architecture)}"
        )
    raise FileNotFoundError(f"no file {folder / 'model.safetensors'}")


def program(folder, architecture="AutoModel", options=""):
    """Two lines of Python that write a folder again as safetensors."""
    return (
        f"from transformers import {architecture}; {architecture}.from_pretrained("
        f"{str(folder)!r}{options}).save_pretrained({f'{folder}-safetensors'!r}, "
        "safe_serialization=True)"
    )


def _way(path, architecture="AutoModel"):
    """What to do with such a file."""
    if path.suffix == ".onnx":
        return "ONNX holds a graph of operations; take the checkpoint that it was made from"
    folder = Path(path).parent
    if path.suffix in PICKLES:
        return (
            "PyTorch's format can run programs when it is opened. Where you trust it and have "
            f"torch, convert it: {program(folder, architecture)}"
        )
    options = ", from_flax=True" if path.suffix == ".msgpack" else ", from_tf=True"
    return (
        "convert it with transformers 4 (transformers 5 reads it no more): "
        f"{program(folder, architecture, options)}"
    )
