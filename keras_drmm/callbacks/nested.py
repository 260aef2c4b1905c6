"""Dictionaries within dictionaries as one, and back."""

BETWEEN = "/"


def flatten(value, path=""):
    """Return {path: value} of what is nested in dictionaries and lists."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {path: value}
    found = {}
    for name, part in value.items():
        found.update(flatten(part, f"{path}{BETWEEN}{name}" if path else str(name)))
    return found


def nest(flat):
    """Return what `flatten` was given, with dictionaries in place of lists."""
    found: dict = {}
    for path, value in flat.items():
        *groups, name = path.split(BETWEEN)
        place = found
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return found
