"""main: what `python -m keras_drmm` does."""

import argparse
import sys

from keras_drmm.command_line import export, fit, predict, report

COMMANDS = {"fit": fit, "predict": predict, "report": report, "export": export}
PROGRAM = "python -m keras_drmm"
INTERRUPTED = 130
# What the library and the system raise where something that was given is wrong.
_EXPECTED = (ImportError, OSError, TypeError, ValueError)


def main(arguments=None):
    """Run a command of the command line.

    Args:
        arguments: list of words, None for those that the program was given.

    Returns:
        The exit status: 0 if all went well; 1 after an error, of which a line on the
        standard error stream tells; 130 after an interruption by Ctrl-C.

    Raises:
        SystemExit: with status 2, the words are no command; with 0, help was asked for.

    Example:

    >>> from keras_drmm.command_line import main
    >>> main(["predict", "no_model", "photos", "--output", "answers.csv"])
    1
    """
    options = make_parser().parse_args(arguments)
    called = f"{PROGRAM} {options.command}"
    try:
        COMMANDS[options.command].run(options)
    except KeyboardInterrupt:
        print(f"{called}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        print(f"{called}: error: {_in_one_line(error)}", file=sys.stderr)
        return 1
    return 0


def make_parser():
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="Learn to classify images from few labels.",
        epilog="Exit status: 0 if all went well, 1 after an error, 2 if the command "
        "was not understood, 130 after Ctrl-C. The environment variable KERAS_BACKEND "
        "chooses tensorflow, jax or torch.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = (command.__doc__ or "").partition(": ")[2].strip()
        # Options have one spelling: what a shortened one means may change.
        part = commands.add_parser(
            name, help=text, description=text, allow_abbrev=False
        )
        command.add_arguments(part)
    return parser


def _in_one_line(error):
    text = " ".join(str(error).split())
    # The message of any other error may say little, as that of a KeyError.
    if isinstance(error, _EXPECTED) and text:
        return text
    return f"{type(error).__name__}: {text}"
