"""Measures: how good a model is, how large, how fast."""

from minibert.eval.answers import answer_f1, exact_match
from minibert.eval.bag_of_words import BagOfWords
from minibert.eval.bootstrap import bootstrap_interval
from minibert.eval.cost import encoder_flops, median_ms
from minibert.eval.metrics import accuracy, f1, matthews, mean_squared_error, pearson, spearman
from minibert.eval.scoring import Score, format_scores, scores
