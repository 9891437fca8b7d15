"""What a call is given, made into arrays or refused; and what it returns."""

import numpy as np

from minibert.model import label_shape


class ModelOutput(dict):
    """What a model returns; every entry is also an attribute. What was not asked for is None."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the output has no {name!r}; it has {', '.join(self)}") from None


def as_batch(input_ids, attention_mask, token_type_ids):
    """The ids, segments and keep of a call as arrays (B,L), or None."""
    ids = _token_array("input_ids", input_ids)
    segments = keep = None
    if token_type_ids is not None:
        segments = _token_array("token_type_ids", token_type_ids)
    if attention_mask is not None:
        keep = _token_array("attention_mask", attention_mask)
        if not np.isin(keep, (0, 1)).all():
            raise ValueError(
                "attention_mask holds other numbers than 0 and 1; it is 1 where there is a token, "
                "and is not added to the scores"
            )
        keep = keep.astype(bool)
    for name, array in (("attention_mask", keep), ("token_type_ids", segments)):
        if array is not None and array.shape != ids.shape:
            raise ValueError(f"{name} is {array.shape}, input_ids {ids.shape}; make them equal")
    return ids, segments, keep


def as_labels(labels, head, config, shape):
    """The labels of a batch of ids of this shape as an array."""
    if head is None:
        raise ValueError("labels were given to a model without a head")
    labels = np.asarray(labels)
    wanted = label_shape(head, shape)
    is_regression = head == "classification" and config.classes == 1
    if labels.shape != wanted and not (is_regression and labels.shape == (*wanted, 1)):
        raise ValueError(f"labels has shape {labels.shape}; wanted {wanted}")
    if not is_regression and not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"labels has dtype {labels.dtype}; classes, words and places are integers")
    return labels


def as_span_labels(start_positions, end_positions):
    """Labels (B,2) of the first and last places of answers, each (B,) or (B,1)."""
    columns = []
    for name, places in (("start_positions", start_positions), ("end_positions", end_positions)):
        if places is None:
            raise ValueError(f"{name} is missing; the loss needs start_positions and end_positions")
        places = np.asarray(places)
        if places.ndim not in (1, 2) or places.size != len(places):
            raise ValueError(f"{name} has shape {places.shape}; wanted (B,)")
        columns.append(places.reshape(-1))
    if len(columns[0]) != len(columns[1]):
        raise ValueError(
            f"start_positions has {len(columns[0])} entries, end_positions {len(columns[1])}"
        )
    return np.stack(columns, axis=-1)


def _token_array(name, values):
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} has rows of different lengths: pad them") from None
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}; wanted (B,L), a row for each text")
    return array
