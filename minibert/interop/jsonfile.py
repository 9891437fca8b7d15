"""JSON from a file, or a sentence."""

import json


def read_json(path):
    """The value in a file of JSON.

    Raises
    ------
    ValueError
        It is no JSON, or not UTF-8.
    OSError
        The file cannot be read.
    """
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
