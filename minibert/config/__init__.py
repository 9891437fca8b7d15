"""The shape of a model: BertConfig, and the presets whose sizes the papers print."""

from minibert.config.bert import BertConfig, with_layers
from minibert.config.presets import PRESETS, preset
from minibert.config.sizes import LayerSize
