"""What to cut: scores, masks, and the removal of heads and neurons. Nothing here trains."""

from minibert.prune.magnitude import magnitude_masks, masking, sparsity
from minibert.prune.soft_threshold import soft_threshold
from minibert.prune.structured import (
    add_importance,
    most_important,
    remove_structures,
    with_head_masks,
)
