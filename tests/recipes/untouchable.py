"""Stands for test images that must not be used."""


class Untouchable:
    """Raises at any use."""

    def __getattribute__(self, name):
        raise AssertionError(f"test images: {name}")

    def __iter__(self):
        raise AssertionError("test images: iterated over")
