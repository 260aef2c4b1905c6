"""The model card of a preset, written from its metadata."""


def card(config, metadata):
    """Return the README of a preset as Markdown text.

    Args:
        config: what `config.json` holds.
        metadata: what `metadata.json` holds.
    """
    name, m = metadata["name"], metadata
    height, width, channels = config["input_shape"]
    return f"""# {name}

`keras_drmm.zoo.{config["function"]}` with weights that it learned from {m["labels"]} \
labels of `{m["data"]}`.

| | |
|---|---|
| test error of this file | {m["test_error"]:.2f} % |
| test error over draws of labels | {_spread(m)} |
| validation error of this file | {_validation(m)} |
| chosen | {m["chosen"]} |
| setting | {m["setting"]} |
| objective | {m["objective"]} |
| data | `{m["data"]}`, {m["labels"]} labels, draw {m["draw"]} |
| command | `{m["command"]}` |
| commit | {m["commit"]} |
| seed | {m["seed"]} |
| time | {m["seconds"]:.0f} s |
| machine | {m["machine"]} |
| backend | {m["backend"]}, Keras {m["keras"]} |

## Load

```python
import keras_drmm

model = keras_drmm.zoo.from_preset("{name}")
logits = model.predict(keras_drmm.data.to_unit_range(images))
```

## Get the figure again

```sh
python -m recipes.evaluate --preset {name}
```

## Limits

- Images are {height}x{width}x{channels} floats in [0, 1], and like those of \
`{m["data"]}`: size, position, ink and background. Others get a class all the same.
- It knows {config["num_classes"]} classes and has none for "something else".
- The test error is that of this file on the test images of `{m["data"]}`. Other draws \
of labels give other errors: see above.

## Licence

The data: {m["data_licence"]}.
"""


def _validation(metadata):
    """Return the validation error, or why there is none."""
    error = metadata["validation_error"]
    return "none: all labels were learned" if error is None else f"{error:.2f} %"


def _spread(metadata):
    """Return mean ± standard deviation and how many draws they are of."""
    mean, draws = metadata["mean_test_error"], metadata["draws"]
    if draws == 1:
        return f"{mean:.2f} %, 1 draw"
    return f"{mean:.2f} ± {metadata['std_test_error']:.2f} %, {draws} draws"
