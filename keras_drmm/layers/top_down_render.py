"""TopDownRender: one level's rendering, tied to the level's templates."""

import keras
from keras import ops

from keras_drmm.layers.arguments import check_config, check_keywords, check_model
from keras_drmm.layers.rendering_conv2d import RenderingConv2D
from keras_drmm.layers.switch_max_pool import SwitchMaxPool


@keras.saving.register_keras_serializable(package="keras_drmm")
class TopDownRender(keras.layers.Layer):
    r"""Renders a level: Λ_g z, with the templates of a `RenderingConv2D`.

    $$\Lambda_{g} z = \mathrm{render}_\Gamma(\mathrm{unpool}_{t}(a \odot z))$$

    masks `z` at the coarse grid, places each value at the fine position that won, and
    renders its template there. The layer has no weight of its own: it shares those
    of `rendering`, also after `keras.models.clone_model`, `from_config` and saving of
    a functional model, if `z` or `switches` are computed from what `rendering` gave.

    Args:
        rendering: the `RenderingConv2D` whose templates are rendered.
        pooling: the `SwitchMaxPool` that found the switches; None for a level without
            switches, called on `z` alone.
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Shapes:
        `z` and `switches` (B, h, w, filters) -> (B, H, W, C), the input of
        `rendering`.

    Raises:
        TypeError: `rendering` or `pooling` is no such layer.
        ValueError: `rendering` is not built when the layer is called, or `switches`
            are missing, or given without `pooling`.

    Example:

    >>> image = keras.Input((28, 28, 1))
    >>> conv, pool = RenderingConv2D(8, 5), SwitchMaxPool(2)
    >>> pooled, switches = pool(conv(image))
    >>> down = TopDownRender(conv, pool)
    >>> model = keras.Model(image, down(pooled, switches))
    >>> model.output_shape, len(model.weights)
    ((None, 28, 28, 1), 2)

    Source: Patel, Nguyen, Baraniuk (2016), Definition B.1 and equations (35), (36).
    """

    def __init__(self, rendering, pooling=None, **kwargs):
        check_keywords(type(self), kwargs)
        super().__init__(**kwargs)
        check_model(rendering, "rendering", RenderingConv2D)
        if not isinstance(pooling, SwitchMaxPool | None):
            raise TypeError(
                f"`pooling` must be a `SwitchMaxPool` or None, got {pooling!r}."
            )
        self.rendering = rendering
        self.pooling = pooling
        self._is_copy = False

    def __call__(self, z, switches=None, **kwargs):
        if self._is_copy and isinstance(z, keras.KerasTensor):
            self._tie(z, switches)
            self._is_copy = False
        return super().__call__(z, switches, **kwargs)

    def call(self, z, switches=None):
        if (switches is None) != (self.pooling is None):
            raise ValueError(
                f"Call `{self.name}` on `z` and `switches` if it has a `pooling`, and "
                "on `z` alone if not."
            )
        if self.pooling is not None:
            # (B, h, w, filters) -> (B, h * kh, w * kw, filters)
            z = self.pooling.unpool(z, switches)
        # -> (B, H, W, C)
        return ops.cast(self.rendering.render(z), self.compute_dtype)

    def adjoint(self, x, switches=None):
        r"""Return Λ_gᵀ x: the match of each template at the position its switch names.

        For fixed switches, $\langle \Lambda_g z, x \rangle = \langle z, \Lambda_g^T x
        \rangle$.

        Args:
            x: tensor of shape (B, H, W, C).
            switches: int8 tensor of shape (B, h, w, filters), or None without
                `pooling`.

        Returns:
            Tensor of shape (B, h, w, filters).
        """
        u = self.rendering.match(x)
        return u if self.pooling is None else self.pooling.pick(u, switches)

    def compute_output_shape(self, z_shape, switches_shape=None):
        if self.pooling is not None:
            z_shape = self.pooling.compute_unpooled_shape(z_shape)
        return self.rendering.compute_rendered_shape(z_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "rendering": keras.saving.serialize_keras_object(self.rendering),
            "pooling": keras.saving.serialize_keras_object(self.pooling),
        }

    @classmethod
    def from_config(cls, config):
        check_config(cls, config)
        config = {"pooling": None, **config}
        for part in ("rendering", "pooling"):
            config[part] = keras.saving.deserialize_keras_object(config[part])
        layer = cls(**config)
        layer._is_copy = True
        return layer

    def get_build_config(self):
        """Return None: what is restored is built by its first call, which ties it."""

    def _tie(self, *tensors):
        """Share the layers that stand in the graph of the inputs.

        Keras rebuilds a functional model layer by layer from configurations, which
        leaves copies of `rendering` and `pooling` in this layer. The originals are
        ancestors of the inputs and have the names that our copies have.
        """
        ancestors, seen, pending = {}, set(), [t for t in tensors if t is not None]
        while pending:
            operation, node_index, _ = pending.pop()._keras_history
            if operation is None or (id(operation), node_index) in seen:
                continue
            seen.add((id(operation), node_index))
            # A nested model stands for its layers.
            for layer in getattr(operation, "layers", [operation]):
                ancestors[layer.name] = layer
            pending.extend(operation._inbound_nodes[node_index].input_tensors)
        for part in ("rendering", "pooling"):
            copy = getattr(self, part)
            original = copy and ancestors.get(copy.name)
            if isinstance(original, type(copy)) and original is not copy:
                # Else the copy's weights would stay among those of the model.
                self._tracker.untrack(copy)
                setattr(self, part, original)
