"""The one seam for compression: how a linear layer of the model is computed.

The model calls its linear layers through an object with two methods, `forward` and `backward`.
Subclasses that observe, fake-quantize or split the inputs override only these two: the fused
methods, by which the model calls, are made of them. `FloatLinear` calls the fused kernels.
"""

from minibert import kernels as F


class ComposedLinear:
    """Linear layers by name; the fused forms composed of `forward` and `backward`."""

    def forward(self, name, x, w, b):
        """y = x W^T + b and the cache; name is the layer's, without ".weight"."""
        return F.linear_forward(x, w, b)

    def backward(self, name, dy, cache):
        """dx, and the gradients by parameter name."""
        dx, dw, db = F.linear_backward(dy, cache)
        return dx, {f"{name}.weight": dw, f"{name}.bias": db}

    def layers(self, x, weights, **options):
        """All layers as one op, see `ops.transformer_layers`; None: they must be composed."""

    def qkv_forward(self, names, x, weights):
        """(q, k, v); names are the three layers', weights their three (w, b)."""
        results = [self.forward(name, x, *wb) for name, wb in zip(names, weights, strict=True)]
        return tuple(y for y, _ in results), [cache for _, cache in results]

    def qkv_backward(self, names, dout, cache):
        """dx and gradients."""
        dx, grads = 0, {}
        for name, dy, c in zip(names, dout, cache, strict=True):
            dx_one, grads_one = self.backward(name, dy, c)
            dx, grads = dx + dx_one, grads | grads_one
        return dx, grads

    def gelu_forward(self, name, x, w, b):
        """gelu(x W^T + b)."""
        h, c_linear = self.forward(name, x, w, b)
        y, c_gelu = F.gelu_forward(h)
        return y, (c_linear, c_gelu)

    def gelu_backward(self, name, dy, cache):
        """dx and gradients."""
        c_linear, c_gelu = cache
        return self.backward(name, F.gelu_backward(dy, c_gelu), c_linear)

    def add_layernorm_forward(self, name, x, w, b, residual, gamma, beta, eps, drop):
        """layernorm(residual + dropout(x W^T + b))."""
        h, c_linear = self.forward(name, x, w, b)
        h, c_dropout = F.dropout_forward(h, drop)
        y, c_layernorm = F.layernorm_forward(residual + h, gamma, beta, eps)
        return y, (c_linear, c_dropout, c_layernorm)

    def add_layernorm_backward(self, name, dy, cache):
        """dx, dresidual, (dgamma, dbeta) and gradients."""
        c_linear, c_dropout, c_layernorm = cache
        dsum, *dnorm = F.layernorm_backward(dy, c_layernorm)
        dx, grads = self.backward(name, F.dropout_backward(dsum, c_dropout), c_linear)
        return dx, dsum, dnorm, grads


class FloatLinear(ComposedLinear):
    """The fused kernels; int8 weights take the int8 kernels by their type."""

    def layers(self, x, weights, **options):
        """Hidden states and scores."""
        return F.transformer_layers(x, weights, **options)

    def qkv_forward(self, names, x, weights):
        """(q, k, v)."""
        return F.qkv_forward(x, *(array for wb in weights for array in wb))

    def qkv_backward(self, names, dout, cache):
        """dx and gradients."""
        dx, *dwb = F.qkv_backward(dout, cache)
        keys = (f"{name}.{kind}" for name in names for kind in ("weight", "bias"))
        return dx, dict(zip(keys, dwb, strict=True))

    def gelu_forward(self, name, x, w, b):
        """gelu(x W^T + b)."""
        return F.linear_gelu_forward(x, w, b)

    def gelu_backward(self, name, dy, cache):
        """dx and gradients."""
        dx, dw, db = F.linear_gelu_backward(dy, cache)
        return dx, {f"{name}.weight": dw, f"{name}.bias": db}

    def add_layernorm_forward(self, name, x, w, b, residual, gamma, beta, eps, drop):
        """layernorm(residual + dropout(x W^T + b))."""
        return F.linear_add_layernorm_forward(x, w, b, residual, gamma, beta, eps, drop)

    def add_layernorm_backward(self, name, dy, cache):
        """dx, dresidual, (dgamma, dbeta) and gradients."""
        dx, dw, db, dsum, *dnorm = F.linear_add_layernorm_backward(dy, cache)
        return dx, dsum, dnorm, {f"{name}.weight": dw, f"{name}.bias": db}


FLOAT = FloatLinear()
