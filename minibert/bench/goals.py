"""What the library wants to reach, next to what each row measured."""

from pathlib import Path

from minibert.bench.rows import Goal

_ENGINES = ("torch", "onnxruntime")
FLOAT32 = "minibert, float32"  # the engine that our int8 is held against


def has_amx():
    """Whether the CPU multiplies bf16 matrices in tiles; known on Linux only."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False


def inference(batch):
    """Of a batch of 128 tokens a text; None for other batches than 1, 8 and 32."""
    must = {1: (1.2, 1.5), 8: (1.1, 1.4), 32: (1.3, 1.7)}.get(batch)  # FMA, AMX
    return must and Goal("speedup", must[has_amx()], 2.0, _ENGINES)


def int8_inference(batch):
    """Of a batch of 128 tokens a text in int8; None for other batches than 1, 8 and 32."""
    must = {1: 2.0, 8: 2.0, 32: 2.5}.get(batch)
    return must and (Goal("speedup", must, 3.0, _ENGINES) if has_amx() else INT8_WITHOUT_AMX)


INT8_WITHOUT_AMX = Goal("speedup", 1.3, 1.6, _ENGINES)
INT8_SENTENCES = Goal("speedup", 3.0, 4.0, _ENGINES)
INT8_OVER_FLOAT32 = Goal("speedup", 2.0, 3.0, (FLOAT32,))
INT8_LARGE = Goal("speedup", 1.3, 2.0, _ENGINES)
INT8_PRODUCT = Goal("speedup", 0.9, None, ("torch",))
INT8_PRODUCTS = Goal("speedup", 1.2, 1.5, ("torch",))  # their geometric mean
SENTENCES = Goal("speedup", 2.5, 3.0, ("torch",))
DISTILLATION = Goal("speedup", 1.3, 1.5, ("torch",))


def training(batch, dropout):
    """Of a step on `batch` texts of 128 tokens."""
    if dropout:
        return Goal("speedup", {8: 1.5, 32: 1.4}[batch], 2.0, ("torch",))
    return Goal("speedup", 1.0, 1.3, ("torch",))


TRAINING_MEMORY = Goal("share", 1.0, 0.7, ("torch",))
ATTENTION_MEMORY = Goal("limit", 64.0)  # MB at L = 4096
WORDPIECE = Goal("speedup", 5.0, None, ("transformers",))
IMPORT = Goal("limit", 0.25)  # s
FIRST_CALL = Goal("limit", 1.0)  # s, with a warm cache
