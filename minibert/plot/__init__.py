"""Figures: loss curves, attention maps, weight histograms, accuracy against size or time.

Every function takes plain numbers and names, and returns a `matplotlib.figure.Figure`, which a
notebook shows and `save` writes. pyplot is not used, so nothing is left in a global list of figures
and no window opens. The colours are those of Okabe and Ito (2008), told apart by colour-blind
readers as well.
"""

from minibert.plot.attention import attention_maps
from minibert.plot.canvas import COLORS, GREY, STYLE, save
from minibert.plot.comparison import accuracy_against
from minibert.plot.fonts import cjk_families
from minibert.plot.losses import loss_curves
from minibert.plot.matrices import heatmaps, lines
from minibert.plot.weights import weight_histograms

__all__ = [
    "COLORS",
    "GREY",
    "STYLE",
    "accuracy_against",
    "attention_maps",
    "cjk_families",
    "heatmaps",
    "lines",
    "loss_curves",
    "save",
    "weight_histograms",
]
