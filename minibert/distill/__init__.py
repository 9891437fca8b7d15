"""TinyBERT's distillation losses, layer maps and projections. Nothing here trains."""

from minibert.distill.losses import tinybert_loss
from minibert.distill.maps import bottom_map, top_map, uniform_map
from minibert.distill.projections import init_projections
from minibert.distill.spec import TinyBertSpec
