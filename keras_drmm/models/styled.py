"""Styled: what a DRMM does with a learned prior of its switches."""

import warnings
from typing import Any

import numpy as np
from keras import ops

from keras_drmm.layers.arguments import (
    as_array,
    check_choice,
    check_config,
    describe,
    standardize_boolean,
    standardize_classes,
    standardize_integer,
)
from keras_drmm.layers.class_styles import METHODS
from keras_drmm.layers.style_encoder import StyleEncoder
from keras_drmm.layers.switch_prior import SwitchPrior, geometry_of
from keras_drmm.models.learns_part import without
from keras_drmm.models.sampling import (
    BATCH,
    draw_classes,
    numpy_generator,
    row_parts,
    with_noise,
)

# Draws of the style for each bound, always the same ones.
DRAWS = 4
# What the styles of samples are spread by, chosen on MNIST's validation images: the
# most probable switches vary a little less than those of images do.
SPREAD = 1.1
# How often samples are drawn again that the E-step takes for another class, and of how
# many rows a batch of these is: backends compile for each new number.
REDRAWS, REDRAWN = 10, 16
# In units of β, what divides pixels and switches in a score.
DATA_SHARE = 8


class Styled:
    """A DRMM whose switches may have a `SwitchPrior` in place of independent priors.

    Stands before `RenderingModel` among the bases of `DRMM`. The prior is no part of
    what `fit` learns: `fit_prior` makes it, and gradients of `fit` never reach it.

    Attributes:
        switch_prior: the `SwitchPrior`, None before `fit_prior`.
        style_encoder: the `StyleEncoder`, None before `fit_prior`.
    """

    # Of the model beside this class.
    levels: list
    nuisance_priors: list
    prior: Any
    class_prior: Any
    noise_variance: Any
    templates: Any
    name: str
    infer: Any
    render: Any
    one_hot: Any
    classify: Any
    pixel_range: tuple
    _batched: Any
    _log_likelihood: Any
    _tracker: Any
    _standardize: Any
    _render_sample: Any

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Private, and so none of the parts that `KeepsFrozen` lists: they never learn.
        self._switch_prior: Any = None
        self._style_encoder: Any = None
        self._prior_config: Any = None

    @property
    def switch_prior(self):
        """The `SwitchPrior`, None before `fit_prior`."""
        return self._switch_prior

    @property
    def style_encoder(self):
        """The `StyleEncoder`, None before `fit_prior`."""
        return self._style_encoder

    def fit_prior(self, x, y=None, **kwargs):
        r"""Learn a prior of the switches that generates, after `fit`.

        No weight of the model changes. The E-step gives each image its (ĉ, ĝ), and a
        style u that explains all of ĝ is learned by gradient steps on

        $$\frac{1}{\beta} E_{q(u | I, \hat c)} \sum_\ell \ln p(\hat g^{(\ell)} | u) -
        \mathrm{KL}(q \,\|\, p(u | \hat c))$$

        This is an M-step of hard EM for a richer prior of g, up to β: switches of
        neighbouring places say the same thing over and over, and with β = 1 the
        styles of a class would be spread in a way that no few Gaussians match. The KL
        term rises to its weight over the first 300 steps, or a third of them. At the
        end the Gaussians p(u | c), and of a factor model p(z^(L+1) | u, c), are
        computed in closed form. A prior that the model
        has is replaced, at the very end: an error leaves everything as it was.

        `sample` then draws from p(I | c) given that the E-step takes I for class c:
        images that it takes for another class, a few in a hundred, are drawn again, at
        most 10 times. `sample_switches` leaves nothing out.

        Args:
            x: images (N, H, W, C), or a data set that can be read twice.
            y: integer labels (N,), -1 for an unlabelled row, which has ĉ for its class.
            **kwargs: `style_size` (64), d; `width` (64), the channels of the
                prior's maps; `components` (10), Gaussians of a class; `beta`, β, by
                default half the number of switches for each pixel; `learning_rate`
                (3e-3), which falls to 0 over the fit; `batch_size` (64 for arrays),
                `epochs` (2), `callbacks`, `verbose`, `shuffle`, `steps_per_epoch` and
                all about validation as of `keras.Model.fit`.

        Returns:
            A Keras `History` of `switches`, -E ln p(ĝ | u), and `style_kl`, in nats.

        Raises:
            ValueError: images or labels are not what the model takes, the batches of
                a data set have sample weights, or a class has too few images for its
                covariances.
            TypeError: an argument is not known.

        Example:

        >>> model = keras_drmm.zoo.from_preset("drmm_lenet_mnist_100")
        >>> x = np.random.default_rng(0).random((200, 28, 28, 1), "float32")
        >>> history = model.fit_prior(x, np.arange(200) % 10, components=1, verbose=0)
        >>> model.sample(2, classes=[3, 8], noise=False)[0].shape
        (2, 28, 28, 1)

        Source: Kingma, Welling (2014) for the bound, Higgins et al. (2017) for β,
        Bowman et al. (2016) for the rise of the KL term.
        """
        from keras_drmm.learning.fit_prior import fit_prior

        return fit_prior(self, x, y, **kwargs)

    def style(self, x, y=None, batch_size=BATCH):
        """Return the style u of images, the mean of q(u | I, c).

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            y: integer labels (N,), -1 for an unlabelled row, or None for ĉ.
            batch_size: images at a time.

        Returns:
            (N, d), a NumPy array.

        Raises:
            ValueError: the model has no prior of switches, or images or labels are not
                what it takes.
        """
        self._check_prior("style")
        return self._batched(self._infer_style, x, batch_size, y)[0]

    def transfer(self, x, classes, y=None, method="posterior", batch_size=BATCH):
        """Render other classes in the style of images.

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            classes: the classes to render, integers (N,).
            y: the classes of the images, as of `style`.
            method: "posterior" keeps of a style what the other class may have,
                "transport" takes a style that is usual for its class to one that is as
                usual for the other, "shift" only moves the middle of the one class to
                that of the other; see `ClassStyles.transfer`.
            batch_size: images at a time.

        Returns:
            Images (N, H, W, C), a NumPy array.

        Raises:
            ValueError: as of `style`, or a class or the method is out of range.
        """
        self._check_prior("transfer")
        check_choice(method, "method", METHODS)
        x, y = self._standardize(x, y)
        classes = standardize_classes(classes, len(x), self.templates.num_classes)
        styles, sources = self._batched(self._infer_style, x, batch_size, y)
        moved = self._switch_prior.styles.transfer(styles, sources, classes, method)
        return self.render(classes, style=moved)

    def score_samples(self, x, y=None, bound=False, batch_size=BATCH):
        r"""Score how well the model explains images: foreign ones have low scores.

        $$\ln p(\mu | \hat c) + \frac{1}{8 \beta} \Big( \ln \mathcal{N}(I; \hat I,
        \sigma^2 1) + \sum_\ell \ln p(\hat g^{(\ell)} | \mu) \Big)$$

        with the style μ of the image and the β of `fit_prior`. Pixels and switches say
        the same thing so many times that they would drown what the style says, and of
        all terms the style tells foreign images best: hence the small factor, chosen on
        MNIST's validation images. With `bound` it is

        $$\ln \mathcal{N}(I; \hat I, \sigma^2 1) + E_q \Big[ \sum_\ell \ln p(\hat
        g^{(\ell)} | u) + \ln p(u | \hat c) \Big] + H(q) + \ln \pi_{\hat c}$$

        instead, a lower bound of ln p(I, ĉ, ĝ) in nats, and so of ln p(I). The mean
        over q is that over 4 fixed draws. Of a factor model ln p(ẑ^(L+1) | u, ĉ) joins
        the switches' term: the bound is one of ln p(I, ĉ, ĝ, ẑ^(L+1)), a density of the
        factors, too, and so not of ln p(I).

        Args:
            x: images (N, H, W, C), floats in `pixel_range`.
            y: integer labels (N,), as of `style`.
            bound: whether to return the bound.
            batch_size: images at a time.

        Returns:
            (N,), a NumPy array.

        Raises:
            ValueError: as of `style`.
        """
        self._check_prior("score_samples")
        bound = standardize_boolean(bound, "bound")

        def score(images, labels):
            e_step = self.infer(images, labels, batch_size=len(images))
            pixels = self._log_likelihood(images, e_step.reconstruction)
            mean, log_variance = map(ops.convert_to_numpy, self._posterior(e_step))
            if not bound:
                log_p, log_style = self._explain(e_step, mean)
                weight = 1 / (DATA_SHARE * self._prior_config["beta"])
                return log_style + weight * (pixels + log_p)
            random = np.random.default_rng(0)
            found = pixels + np.log(self.prior)[e_step.classes]
            for _ in range(DRAWS):
                noise = random.normal(size=mean.shape[1])
                parts = self._explain(e_step, mean + np.exp(log_variance / 2) * noise)
                found = found + np.sum(parts, axis=0) / DRAWS
            return found + 0.5 * (1 + np.log(2 * np.pi) + log_variance).sum(axis=1)

        return self._batched(score, x, batch_size, y)

    def sample_switches(self, n, seed=None, *, classes=None, style_only=True):
        """Draw the nuisances of `n` images from their prior.

        Args:
            n: how many images.
            seed: an integer; None goes on with `keras.utils.set_random_seed`'s.
            classes: integers (n,), None for draws from π_c. Before `fit_prior` switches
                do not depend on the class.
            style_only: after `fit_prior`, whether only the style is drawn, spread by
                1.1, and each switch is the most probable one given it; False draws
                style and switches exactly as the prior has them, which adds speckle.

        Returns:
            ĝ^(1..L), a list of int8 arrays, as `render` takes them.

        Raises:
            ValueError: `n` or `seed` is out of range, or `classes` are not n classes.
        """
        n, random = standardize_integer(n, "n"), numpy_generator(seed)
        style_only = standardize_boolean(style_only, "style_only")
        if classes is not None or self._switch_prior is not None:
            classes = draw_classes(n, classes, self.class_prior, random)
        return self._draw_switches(n, classes, random, style_only)

    def set_switch_prior(self, config, switch_prior, style_encoder):
        """Take a prior of switches; `fit_prior` and saved models give it.

        Args:
            config: {name: value} that `build_switch_prior` makes another one from.
            switch_prior: the `SwitchPrior`.
            style_encoder: the `StyleEncoder`.
        """
        for replaced in (self._switch_prior, self._style_encoder):
            # Keras keeps the layers of attributes that are set again.
            self._tracker.untrack(replaced)
        switch_prior.trainable = style_encoder.trainable = False
        self._prior_config = dict(config)
        self._switch_prior, self._style_encoder = switch_prior, style_encoder

    def independent_log_odds(self):
        """Return the independent priors' log-odds, as `SwitchPrior` takes them."""
        # Before the axis of channels, without that of the batch.
        axis = self.levels[0].channel_axis - 1
        return [prior.log_odds(axis) for prior in self.nuisance_priors]

    def get_config(self):
        config = super().get_config()  # type: ignore[misc]  # of the Keras base
        if self._prior_config is not None:
            config["switch_prior"] = dict(self._prior_config)
        return config

    @classmethod
    def from_config(cls, config):
        check_config(cls, config)
        config = dict(config)
        prior = config.pop("switch_prior", None)
        model = super().from_config(config)  # type: ignore[misc]
        if prior is not None:
            model.set_switch_prior(prior, *build_switch_prior(model, prior))
        return model

    def _sample(self, n, classes, random, noise):
        classes = draw_classes(n, classes, self.class_prior, random)
        images = self._draw_images(classes, random)
        if self._switch_prior is not None:
            wrong = np.flatnonzero(self._classes_seen(images) != classes)
            for _ in range(REDRAWS if len(wrong) else 0):
                # A batch that the rows do not fill has several draws of a row.
                rows = np.resize(wrong, -(-len(wrong) // REDRAWN) * REDRAWN)
                drawn = self._draw_images(classes[rows], random)
                fits = self._classes_seen(drawn) == classes[rows]
                images[rows[fits]] = drawn[fits]
                wrong = np.setdiff1d(wrong, rows[fits])
                if not len(wrong):
                    break
        if noise:
            images = with_noise(images, self.noise_variance, random)
        return images, classes

    def _draw_images(self, classes, random):
        if self._switch_prior is not None:
            styles = self._switch_prior.styles.sample(classes, random, SPREAD)
            return self.render(classes, style=styles)
        switches = self._draw_switches(len(classes), classes, random, style_only=True)
        return self._render_sample(classes, switches, random)

    def _classes_seen(self, images):
        """Return the classes that the E-step takes rendered images for."""
        images = np.clip(images, *self.pixel_range)
        parts = [
            ops.convert_to_numpy(self.classify(ops.convert_to_tensor(images[rows])))
            for rows in row_parts(len(images))
        ]
        return np.concatenate(parts).argmax(axis=1)

    def _draw_switches(self, n, classes, random, style_only):
        """Return drawn switches of `n` images of these classes."""
        if self._switch_prior is None:
            return [prior.sample(n, random) for prior in self.nuisance_priors]
        spread = SPREAD if style_only else 1.0
        styles = self._switch_prior.styles.sample(classes, random, spread)
        if style_only:
            return self._modes(styles)
        parts = [
            self._switch_prior.sample(self._log_odds(styles[rows]), random)
            for rows in row_parts(n)
        ]
        return [np.concatenate(level) for level in zip(*parts, strict=True)]

    def _modes(self, styles):
        """Return the most probable switches given styles (n, d), NumPy arrays."""
        parts = [
            map(
                ops.convert_to_numpy,
                self._switch_prior.mode(self._log_odds(styles[rows])),
            )
            for rows in row_parts(len(styles))
        ]
        return [np.concatenate(level) for level in zip(*parts, strict=True)]

    def _switches_of(self, classes, switches, style):
        """Return the switches that `render` is given, or those of a style."""
        if (switches is None) == (style is None):
            raise ValueError(
                "Give `render` either `switches` or `style`, got "
                f"{'None for both' if style is None else 'both'}."
            )
        if style is None:
            return switches
        self._check_prior("render(style=...)")
        style = as_array(style, "style")
        wanted = (np.size(classes), self._switch_prior.style_size)
        if style.shape != wanted or not np.issubdtype(style.dtype, np.number):
            raise ValueError(
                f"`style` must be numbers of shape {wanted}, a row for each class, as "
                f"`style(x)` returns them, got {describe(style)}."
            )
        if not np.isfinite(style).all():
            raise ValueError(
                f"`style` must be finite, got NaN or infinite values in "
                f"{describe(style)}."
            )
        return self._modes(style)

    def _log_odds(self, style):
        """Return the log-odds of all switches given styles (B, d)."""
        style = ops.convert_to_tensor(style, "float32")
        return self._switch_prior(style, self.independent_log_odds())

    def _infer_style(self, images, labels):
        """Return (the style, the class) of images."""
        e_step = self.infer(images, labels, batch_size=len(images))
        return ops.convert_to_numpy(self._posterior(e_step)[0]), e_step.classes

    def _posterior(self, e_step):
        """Return μ and ln v of q(u | I, c) for an `EStep`."""
        message = ops.convert_to_tensor(e_step.messages[1])
        return self._style_encoder(message, self.one_hot(e_step.classes))

    def _explain(self, e_step, style):
        """Return ln p(ĝ, ẑ^(L+1) | u, ĉ) and ln p(u | ĉ), both (B,), of styles u."""
        prior = self._switch_prior
        switches = [ops.convert_to_tensor(s) for s in e_step.switches]
        log_p = ops.convert_to_numpy(prior.log_prob(switches, self._log_odds(style)))
        if prior.factors is not None:
            factors = prior.factors.log_prob(e_step.factors, style, e_step.classes)
            log_p = log_p + factors
        return log_p, prior.styles.log_prob(style, e_step.classes)

    def _check_prior(self, method):
        if self._switch_prior is None:
            raise ValueError(
                f"`{method}` needs a prior of switches, which this model does not have "
                "yet: call `fit_prior(x)` first."
            )

    def _learned(self, variables):
        layers = (self._switch_prior, self._style_encoder)
        prior = [weight for layer in layers if layer for weight in layer.weights]
        return without(variables, prior)

    def _before_learning(self):
        if self._switch_prior is not None:
            warnings.warn(
                f"`{self.name}` has a prior of switches, which `fit` does not learn: "
                "call `fit_prior` again afterwards, or samples and scores will not fit "
                "the new weights.",
                stacklevel=3,
            )


def build_switch_prior(model, config):
    """Return a new `SwitchPrior` and `StyleEncoder` for a `DRMM`.

    Args:
        model: the `DRMM`.
        config: `style_size`, `width`, `components`.
    """
    data_format = model.levels[0].data_format
    switch_prior = SwitchPrior(
        geometry_of(model.levels),
        model.num_classes,
        config["style_size"],
        config["width"],
        config["components"],
        getattr(model, "num_factors", 0),
        data_format,
        dtype=model.dtype_policy,
        name="switch_prior",
    )
    switch_prior.build(model.message_shapes)
    encoder = StyleEncoder(
        model.num_classes,
        config["style_size"],
        data_format=data_format,
        dtype=model.dtype_policy,
        name="style_encoder",
    )
    encoder.build(model.message_shapes[1])
    return switch_prior, encoder
