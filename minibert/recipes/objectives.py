"""What a training step minimizes, beside the supervised loss: see `minibert.train.objective`.

Each is called as objective(model, batch, drop) and returns the loss, its parts and the gradients.
The teacher runs in evaluation mode: without dropout.
"""

from minibert import kernels as F
from minibert.distill import init_projections, tinybert_loss
from minibert.model import (
    Output,
    bert_backward,
    bert_forward,
    bert_infer,
    check_batch,
    encoder_backward,
    encoder_forward,
)


class TransformerDistillation:
    """TinyBERT's losses inside the network: attention, hidden states, embeddings.

    With a pre-trained teacher this is the general stage, with a fine-tuned one the first task
    stage (Jiao et al. 2020, section 3.2). The projections to the teacher's width are trained
    along.

    Parameters
    ----------
    teacher : BertModel
    student_config : BertConfig
    spec : TinyBertSpec
    seed : int
        Of the projections.
    """

    def __init__(self, teacher, student_config, spec, seed=0):
        self.teacher, self.spec = teacher, spec
        # The scores of all layers are the largest arrays there are.
        self.want = frozenset({"hidden", "scores"} if spec.attention else {"hidden"})
        self.packs = F.Packs()  # of the teacher, which stays as it is
        self.params = init_projections(student_config.hidden, teacher.config.hidden, seed)

    def __call__(self, model, batch, drop):
        inputs = check_batch(*_inputs(batch))
        taught = bert_infer(
            self.teacher.params, self.teacher.config, *inputs, want=self.want, packs=self.packs
        ).encoded
        encoded, cache = encoder_forward(
            model.params, model.config, *inputs, want=self.want, drop=drop
        )
        loss, parts, d_student, d_proj = tinybert_loss(
            encoded, taught, inputs[-1], self.params, self.spec
        )
        grads = encoder_backward(d_student, model.params, model.config, cache)
        return loss, parts, grads | d_proj


class PredictionDistillation:
    """TinyBERT's loss on the logits: the second task stage.

    The batch's labels are the teacher's logits (B,C), computed once beforehand. In regression,
    where C = 1, it is the mean squared difference of the two outputs.

    Parameters
    ----------
    tau : float
        Temperature.
    """

    def __init__(self, tau=1.0):
        self.tau = tau

    def __call__(self, model, batch, drop):
        out, cache = bert_forward(
            model.params, model.config, *_inputs(batch), head=model.head, drop=drop
        )
        if model.config.classes == 1:
            loss, c_loss = F.mse_forward(out.logits, batch["labels"])
            dlogits, _ = F.mse_backward(1.0, c_loss)
        else:
            loss, c_loss = F.soft_cross_entropy_forward(out.logits, batch["labels"], tau=self.tau)
            dlogits = F.soft_cross_entropy_backward(1.0, c_loss)
        grads = bert_backward(Output(None, dlogits), model.params, model.config, cache)
        return float(loss), {}, grads


class Transformed:
    """Another objective, on parameters that pass through a transform first, such as masks.

    Parameters
    ----------
    objective : callable
    transform : callable
        ``effective, pull = transform(params)``, see `minibert.prune.masking`.
    """

    def __init__(self, objective, transform):
        self.objective, self.transform = objective, transform
        self.params = getattr(objective, "params", {})

    def __call__(self, model, batch, drop):
        effective, pull = self.transform(model.params)
        loss, parts, grads = self.objective(type(model)(model.config, effective), batch, drop)
        return loss, parts, pull(grads)


def _inputs(batch):
    """ids, segments and keep of a batch."""
    return batch["input_ids"], batch.get("token_type_ids"), batch.get("attention_mask")
