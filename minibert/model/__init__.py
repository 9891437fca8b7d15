"""BERT as functions on a flat dict of parameters, forward and backward."""

from minibert.model.bert import Output, bert_backward, bert_forward
from minibert.model.encoder import Encoded, check_batch, encoder_backward, encoder_forward
from minibert.model.heads import HEADS
from minibert.model.inference import bert_infer
from minibert.model.linear import FLOAT, ComposedLinear, FloatLinear
from minibert.model.loss import label_shape, loss_forward
from minibert.model.params import (
    add_grads,
    check_head,
    count_parameters,
    init_params,
    layer_view,
    parameter_shapes,
)
from minibert.model.span import Span, best_span
