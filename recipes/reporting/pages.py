"""The pages of the site that are made from the rows."""

from recipes.common.results import read_rows
from recipes.reporting import cell_tables, other_tables
from recipes.reporting.records import cards


def results():
    """Return the page of results by question, with the last settings of each cell."""
    found = read_rows("tables"), read_rows("paper")
    epochs, em = read_rows("epochs"), read_rows("benchmark_em")
    return f"""# Results

Written by `python -m recipes.report` from `recipes/results/*.csv`, where machine, seed,
commit and command of each run are. This page shows today's settings;
[another](results_log.md) has every run.

All results are for MNIST. Errors are percentages of the 10,000 test images, which are
read once, at the end of a run. An error with ± is the mean and the standard deviation
over several runs, each with other labelled images or another seed; one without is a
single run. `the paper's` is the figure of the paper's model with as many levels, and
`difference` is ours minus the paper's: a positive one is a miss. Seconds are medians
over runs on one core; the machines differed by a factor of two.

`drmm_conv_small`, `drmm_lenet` and `rfm` are models of 5, 2 and 1 levels, `drfm_lenet`
has 2 levels of Gaussian factors, and `convnet`, `convnet_2` and `convnet_1` are stock
convnets with 5, 2 and 1 levels. One command trains one model:

```sh
python -m recipes.table --table T --setting SETTING --model MODEL --labels N --draw D
```

## How good is it with few labels?

Table 1 of the paper. `labels` is the number of labelled images; the rest of the 60,000
are used without labels (`--table 1 --setting semi-supervised`). Pixel noise is added to
the training images; they are not moved, turned or scaled. Two variants go further than
the paper:

- `nuisances`: instead of under pixel noise, the class must not change when the image is
  moved, turned, scaled and partly covered (`--setting 'semi-supervised, nuisances'`).
- `second network`: a second network learns all images by the labels that a first one
  and its neighbours' vote give them (`--setting 'semi-supervised, second network'`,
  [guide](guides/tables.md#a-second-network)). Its seconds are those of both networks.

With 100 labels the paper's figure for 5 levels is that of its model with nonnegativity
and KL terms, which ours has too.

{cell_tables.few_labels(*found)}
![Errors against labels](images/errors.png)

Dashed lines are the paper's figures, bars are standard deviations. [README's table as a
picture](images/table.png).

The same models and the stock convnets, trained on the labelled images alone (Table 5,
`--table 5 --setting labeled-only`):

{cell_tables.labelled_images_alone(*found)}
## How good is it with all labels?

Table 3 (`--table 3 --setting supervised`). `semi-supervised` keeps the whole objective;
`supervised` leaves out entropy and marginal KL, which are there for images without
labels. Runs with 55,000 labels keep 5,000 images for validation, for the curves
[below](#how-fast-do-they-learn).

{cell_tables.all_labels(*found)}
## Does pre-training help?

Tables 1 and 3. Hard EM first learns the templates from 10,000 images without labels;
then the model learns from the labelled images alone (`--setting
unsupervised-pretraining`). The column beside ours has the same model without the first
step. It is empty where that model was not trained with the same settings.

{cell_tables.pretraining(*found)}
## What do other methods reach?

Other methods on the 5-level architecture, with the same labelled images and batches.
They were trained in about our time or less, far less than their authors took; SWWAE is
trained for one epoch because more cost it accuracy. The paper's column has the figure
that the paper quotes for the method. `convnet` learns from the labelled images alone.

{cell_tables.baselines(*found)}
## How fast do they learn?

Epochs and seconds on one core until the error on 5,000 validation images first fell
below a threshold: means of epochs, medians of seconds. A `-` means that a run did not
get there; models that reach neither threshold are left out. For a second network the
epochs are its own and the seconds those of both networks.

{cell_tables.first_below(epochs)}
Figure 2 of the paper: 55,000 labels, EG (solid) beside the stock convnet with as many
levels (dashed), for 1 and 2 levels and, beyond the paper, for 5. The dotted line is at
{min(cell_tables.THRESHOLDS):g} %. In the paper an RFM takes 18 epochs to reach a test
error of 1.5 %, its convnet 40. The two runs of 5 levels shared their machine with
others at different times; compare the seconds of the short runs in the next table
instead.

![Validation error against epochs and seconds](images/figure2.png)

The learning rate falls to 0 over a run, so a shorter run ends at its best sooner. The
same models at the end of runs of different lengths, means over seeds:

{cell_tables.shortest(epochs)}
How long a step takes (`python -m recipes.benchmark_steps`): our time divided by that of
the stock Keras layers. `EG step` renders every row, `EG step, zoo` as many as the zoo's
models do.

{cell_tables.steps(read_rows("benchmark_steps"))}
## Which terms of the objective help?

Each variant changes one thing in the zoo's objective (`python -m recipes.ablation
--variant 'zoo, VARIANT' --model MODEL`). Errors are percentages of validation images,
whose number is in the column `images`; test images were not loaded.

{other_tables.zoo_variants(read_rows("ablation"))}
## What does EM reach?

The RMM by exact EM (`python -m recipes.rmm_mnist`): 20 templates for each class, 20
sweeps. `rises` counts the sweeps that raised the objective; ln p(I) is the mean over
test images.

{other_tables.rmm(read_rows("rmm_mnist"))}
Deeper models by hard EM alone, without batch normalisation (`python -m
recipes.em_mnist`). Where EM had no labels, 100 labels name its classes afterwards. An
error of 90 % is that of guessing.

{other_tables.classification(read_rows("em_mnist"))}
The 5-level DRMM without batch normalisation and without labels (`python -m
recipes.benchmark_em`). The time of one sweep over 60,000 images, and that of the M-step
of level 4 (1,153 unknowns, 64 outputs) for 1,000 images beside `scipy.linalg.lstsq`;
medians on one core:

{other_tables.seconds(em)}
The time to gather the statistics of a level with maps of 8x8:

{other_tables.growth(em)}
Squared error per pixel of 5,000 validation images as the model renders them, after the
time that EG takes for 5 epochs; means over seeds:

{other_tables.learning(em)}
![Error against seconds](images/em_error.png)

Templates of the first level alone, learned by hard EM (above) and by EG (below) from
60,000 images without labels:

![Templates learned by hard EM](images/filters_hard_EM.png)
![Templates learned by EG](images/filters_EG.png)

## How good are the trees?

Evolutionary DRMMs beside scikit-learn's trees (`python -m recipes.evolutionary_mnist`),
means over seeds, on a machine that other programs shared.

{other_tables.evolutionary(read_rows("evolutionary_mnist"))}
## Is signed inference exact?

Random signed DRMMs that are small enough to render every (c, g) (`python -m
recipes.signed_inference`). `falls` counts how often the score fell from one alternation
to the next. The other columns say for how many percent of the models the best
configuration was found after 0 to 3 alternations.

{other_tables.signed(read_rows("signed_inference"))}
## What remains wrong

The training images whose labels the preset was not shown (`python -m
recipes.remaining_errors --preset NAME`). The model is sure of an image if its posterior
is above 0.99. "1 for 2: 122, 67" means that 122 images of a 1 were taken for a 2, and
that the model was sure of 67 of these.

{other_tables.remaining(read_rows("remaining_errors"))}
Errors of `drmm_conv_small_mnist_100`: images that had labels, and from each of the most
frequent confusions the images with the highest posterior.

![The surest errors](images/remaining_errors_drmm_conv_small_mnist_100.png)

## Trained weights

The presets that come with the library: the test error of the file itself, and mean and
standard deviation of all runs of its cell. `python -m recipes.evaluate --preset NAME`
measures the first again.

{other_tables.presets(cards())}"""


def log():
    """Return the page with the log of every run, retired settings included."""
    runs = read_rows("tables")
    return f"""# The log of every run

Written by `python -m recipes.report`. [Results](results.md) shows today's settings.
This page has a line for every cell and all settings that it was ever run with. Old
commands may have [another name today](guides/retired_commands.md).

## Settings

{cell_tables.settings_table(runs)}
The weights are those of the [terms of the objective](api/learning.md). `render_divisor`
and `warmup_steps` are arguments of `EG`. `marginal_chance` was one: it ignored as much
of `marginal_kl` as chance explains, made no difference and was removed. The learning
rate is that of the first step; it falls to 0 along a cosine. A `-` means that the
method has no such setting.

## Test errors

Test error in percent: mean and standard deviation over runs. Runs of one line have
equal settings and epochs; they may differ in precision, which decides the speed.
`settings` is a number of the table above. `yes` marks the last settings of a cell,
which [Results](results.md) has too. Machine, seed, commit and command of each run are
in `recipes/results/tables.csv`.

{cell_tables.cells_table(runs)}
## When the validation error first fell below a threshold

As in [Results](results.md#how-fast-do-they-learn), for all settings and epochs.

{cell_tables.all_first_below(read_rows("epochs"))}
## The search for the objective

Validation errors in percent of variants of the objective that the search began with.
Today's objective is in `keras_drmm/zoo/settings.py`, and
[Results](results.md#which-terms-of-the-objective-help) has the variants of it.

{other_tables.early_variants(read_rows("ablation"))}"""
