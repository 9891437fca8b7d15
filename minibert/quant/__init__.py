"""Which parameters become int8, and what that costs. Nothing here trains."""

from minibert.quant.model import parameter_bytes, quantize_params, quantized_names
