"""One model in every engine: the same weights on the same batches, a row of the table a batch."""

from minibert.bench import inputs, peers
from minibert.bench.compare import LIMIT, agree
from minibert.bench.rows import OURS, Row
from minibert.eval.cost import encoder_flops
from minibert.pretrained import BertForSequenceClassification
from minibert.quant import quantize_params

# Of last hidden states and logits, with random weights: anybody's int8 is up to 0.06 off after 4
# layers and 0.08 after 12, while a linear layer with the wrong sign costs 0.4 or more.
INT8_LIMIT = 0.15


def our_model(config, int8=False):
    """Ours, with the weights that every engine gets.

    Parameters
    ----------
    config : BertConfig
    int8 : bool
        Whether its matrices are in int8.
    """
    params = inputs.random_params(config, "classification")
    own = quantize_params(params) if int8 else params
    return inputs.loaded(BertForSequenceClassification, config, own)


def our_work(model, ids, mask=None):
    """A function that returns (hidden (B,L,D), logits (B,C)), as those of the peers do."""

    def run():
        out = model(ids, mask)
        return out.last_hidden_state, out.logits

    return run


class Engines:
    """Our model and those of the chosen peers.

    Parameters
    ----------
    run : Run
    config : BertConfig
    float32 : BertForSequenceClassification, optional
        Our model in float32. With it all engines are in int8, each in its own, and held against it;
        without, all are in float32, and the peers are held against ours.
    """

    def __init__(self, run, config, float32=None):
        self.run, self.config, self.float32 = run, config, float32
        self.int8 = float32 is not None
        self.ours = our_model(config, self.int8)
        self._torch, self._onnx, self._exported = {}, {}, None
        if run.peers:
            params = inputs.random_params(config, "classification")
            models = {way: peers.torch_model(config, params, way) for way in peers.ATTENTION}
            self._exported = models["eager"]
            if "torch" in run.peers:
                to_int8 = peers.torch_int8_model if self.int8 else lambda model: model
                self._torch = {way: to_int8(model) for way, model in models.items()}

    def row(self, work, ids, mask=None, goal=None, note=""):
        """Outputs compared, then timed.

        Parameters
        ----------
        work : str
        ids : ndarray (B,L)
        mask : ndarray (B,L), optional
            0 where there is padding.
        goal : Goal, optional
        note : str

        Returns
        -------
        Row
        """
        works, way = self._works(ids, mask)
        errors = self._errors(work, works, ids, mask)
        lengths = [ids.shape[1]] * len(ids) if mask is None else mask.sum(1).tolist()
        at = {"batch": len(ids), "length": ids.shape[1], "tokens": sum(lengths)}
        flops = sum(encoder_flops(self.config, length) for length in lengths)
        return Row(
            work,
            # A float32 product is no ceiling for int8, nor do the plots of float32 show its rows.
            **self.run.time(works, None if self.int8 else flops),
            goal=goal,
            errors=errors,
            at={} if self.int8 else at,
            note="; ".join(filter(None, (note, way))),
        )

    def sentences(self, work, count, goal):
        """The row of so many real sentences, padded to the longest; skipped where there are none.

        Parameters
        ----------
        work : str
        count : int
        goal : Goal

        Returns
        -------
        Row
        """
        texts = inputs.sentences(count, self.run.data)
        if texts is None:
            return Row(work, goal=goal, note=inputs.NO_SENTENCES)
        tokenizer = inputs.tokenizer(texts)
        batch = tokenizer(texts, truncation=True, max_length=self.config.positions)
        ids, mask = batch["input_ids"], batch["attention_mask"]
        note = f"padded to {ids.shape[1]}, {mask.mean():.0%} of it tokens"
        return self.row(work, ids, mask, goal, note)

    def _works(self, ids, mask):
        """What each engine does with the batch, and in which way PyTorch is fastest."""
        works, note = {OURS: our_work(self.ours, ids, mask)}, ""
        if "torch" in self.run.peers:
            ways = {w: peers.torch_inference(model, ids, mask) for w, model in self._torch.items()}
            way = self.run.fastest(ways)
            works["torch"] = ways[way]
            note = f"torch attention: {way}"
        if "onnxruntime" in self.run.peers:
            masked = mask is not None
            if masked not in self._onnx:
                self._onnx[masked] = peers.OnnxModel(
                    self._exported, masked, self.run.threads, self.int8
                )
            works["onnxruntime"] = self._onnx[masked].inference(ids, mask)
        return works, note

    def _errors(self, work, works, ids, mask):
        """The largest error of each engine that is held against our model in float32."""
        there = (ids if mask is None else mask) != 0
        hidden, logits = our_work(self.float32 or self.ours, ids, mask)()
        limit = INT8_LIMIT if self.int8 else LIMIT
        found = {}
        for name, engine in works.items():
            if name != OURS or self.int8:
                theirs, their_logits = engine()
                pairs = [(hidden[there], theirs[there]), (logits, their_logits)]
                peer = "our int8" if name == OURS else name
                found[name] = agree(work, peer, pairs, limit)
        return found
