"""Where a model's numbers leave a reference's, and what it looks like.

    minibert trace all-minilm-l6-v2 my-model
    minibert trace my-model activations.npz

REFERENCE is a checkpoint: a folder, or minibert's one file. OTHER is another, or an .npz or
.safetensors of named activations. Tensor by tensor, in the order of the forward pass, they are OK,
DIFF or SHAPE; at the first that differs the reference is run again under every usual mistake
(a transposed weight, query and key swapped, another GELU, ...), to see which gives OTHER's numbers.
"Consistent with" is what that shows: several mistakes may fit.

Two checkpoints are both run in float64 on made-up ids, or on --text or --ids. Activations are held
against REFERENCE run on the input_ids, attention_mask and token_type_ids that stand among them.
Their names are those of Hugging Face's modules, such as encoder.layer.0.attention.self.query, with
or without "bert." in front; also hidden_states.0, attentions.0, last_hidden_state, logits; not all
need be there. This writes them down, from a model of transformers:

    import numpy as np, torch, transformers
    model = transformers.AutoModel.from_pretrained("FOLDER", attn_implementation="eager").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained("FOLDER")
    batch = tokenizer(["A text.", "Two."], ["Its pair.", "No"], padding=True, return_tensors="pt")
    found = {name: ids.numpy() for name, ids in batch.items()}
    def keep(name, out):
        out = out[0] if isinstance(out, tuple) else out
        if isinstance(out, torch.Tensor): found[name] = out.detach().float().numpy()
    for name, module in model.named_modules():
        module.register_forward_hook(lambda module, args, out, name=name: keep(name, out))
    model(**batch)
    np.savez("activations.npz", **found)

What counts as equal is a relative error, in norm, of at most 1e-9 between two checkpoints. Of
activations it is 4e-6; 1e-3 for a tensor whose numbers are float16, 8e-3 for one in bfloat16,
whatever type they are saved in. Numbers from a GPU that multiplies in TF32 are further away (about
1e-3), those of a whole model run in half precision too: give --rtol.

Two checkpoints with another number of layers, or whose labels have another order in the config
alone, differ though all that both compute agrees. The exit status is 0 if all agree, 1 if not.
"""

import json

from minibert.check.trace import trace
from minibert.data.fetch import find
from minibert.text.batch import pad_rows


def add_arguments(parser):
    """The arguments of `minibert trace`."""
    parser.add_argument("reference", metavar="REFERENCE")
    parser.add_argument("other", metavar="OTHER")
    parser.add_argument("--text", nargs="+", metavar="TEXT", help="texts to run on")
    parser.add_argument("--pair", nargs="+", metavar="TEXT", help="their second texts")
    parser.add_argument(
        "--ids", nargs="+", metavar="ROW", help='ids to run on, a text each: "2 7 7 3" "2 3"'
    )
    parser.add_argument(
        "--rtol", type=float,
        help="largest relative error that counts as equal, of every tensor",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="go on after the first divergence")
    parser.add_argument("--seed", type=int, default=0, help="of made-up ids; default 0")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args):
    """Compare, and print."""
    if args.ids and args.text:
        raise ValueError("--ids and --text: give one of them")
    if args.seed < 0:
        raise ValueError(f"--seed is {args.seed}; it is a whole number of at least 0")
    if args.rtol is not None and not args.rtol >= 0:
        raise ValueError(f"--rtol is {args.rtol}; it is a number of at least 0, such as 1e-5")
    found = trace(
        find(args.reference, "REFERENCE"), find(args.other, "OTHER"), texts=args.text,
        pairs=args.pair, rtol=args.rtol, go_on=args.all, seed=args.seed, **_ids(args.ids),
    )  # fmt: skip
    print(json.dumps(found.to_dict(), indent=2) if args.json else found)
    return 0 if found else 1


def _ids(rows):
    """The arrays of --ids."""
    if not rows:
        return {}
    try:
        ids = [[int(word) for word in row.replace(",", " ").split()] for row in rows]
    except ValueError as error:
        raise ValueError(f"--ids is numbers with spaces between, {error}") from None
    for row, text in zip(ids, rows, strict=True):
        if not row:
            raise ValueError(f"--ids has the row {text!r}, without an id; wanted such as '2 7 3'")
        if not all(0 <= n < 2**31 for n in row):
            raise ValueError(f"--ids has a row {text:.40}; wanted ids of at least 0, below 2^31")
    longest = max(map(len, ids))
    return {
        "input_ids": pad_rows(ids, longest, 0),
        "attention_mask": pad_rows([[1] * len(row) for row in ids], longest, 0),
    }
