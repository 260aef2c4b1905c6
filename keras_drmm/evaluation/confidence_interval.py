"""confidence_interval: what error is compatible with the errors that were counted."""

from scipy.stats import binomtest

from keras_drmm.layers.arguments import standardize_integer, standardize_number


def confidence_interval(errors, total, level=0.95):
    r"""Return Wilson's interval for the error of a classifier.

    With $\hat p$ = errors / total, n = total and z the normal quantile of
    (1 + level) / 2, its ends are

    $$\frac{1}{1 + z^2 / n} \left( \hat p + \frac{z^2}{2 n} \pm z \sqrt{
    \frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}} \right)$$

    It holds for few rows, and where no error was counted. It holds for rows that were
    drawn at random and that chose nothing: if the best of several models was chosen by
    these rows, its true error is rather larger.

    Args:
        errors: number of rows that were classified wrongly.
        total: number of rows.
        level: the probability that such an interval has the true error in it, above 0
            and below 1.

    Returns:
        (low, high), floats from 0 to 1.

    Raises:
        ValueError: `errors` is larger than `total`, or an argument is not as described.

    Example:

    >>> low, high = confidence_interval(0, 50)  # no error in 50 rows
    >>> round(low, 3), round(high, 3)
    (0.0, 0.071)

    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical
    Inference".
    """
    total = standardize_integer(total, "total")
    errors = standardize_integer(errors, "errors", minimum=0)
    if errors > total:
        raise ValueError(
            f"`errors` must be at most `total`, which is {total}, got {errors}."
        )
    level = standardize_number(level, "level", above=0)
    if level >= 1:
        raise ValueError(f"`level` must be below 1, got {level}. Write 95 % as 0.95.")
    found = binomtest(errors, total).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
