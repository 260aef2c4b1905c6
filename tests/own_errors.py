"""Where an error was raised: by a check of the library, or below it."""


def module_that_raised(error):
    """Return the name of the module whose statement raised an error.

    Keras' own frames must not have been left out of the traceback; see the fixture
    `whole_tracebacks`.
    """
    place = error.__traceback__
    while place.tb_next is not None:
        place = place.tb_next
    return place.tb_frame.f_globals["__name__"]


def outcome(function, *args, **options):
    """Return (what a call returned, None), or (None, its error).

    An error must be one that a check of the library raised.
    """
    try:
        return function(*args, **options), None
    except (ValueError, TypeError, OSError) as error:
        found = error
    assert module_that_raised(found).startswith("keras_drmm."), repr(found)
    return None, found
