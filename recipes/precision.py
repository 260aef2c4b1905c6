"""The precision that a run is fastest in."""

from pathlib import Path

from recipes.cells import PEERS

PRECISIONS = ("auto", "float32", "mixed_bfloat16")
# Of 5 levels and more: their convolutions take longer than casting what they see.
DEEP = ("drmm_conv_small", "drmm_conv_large", *PEERS)


def fastest(dtype, model, cpuinfo=Path("/proc/cpuinfo")):
    """Return the dtype policy of a run: "auto" is decided by model and processor.

    A processor without AMX has no unit for bfloat16 matrices, and conv-small is then
    slower in half precision, with AVX-512 BF16 too.
    """
    if dtype != "auto":
        return dtype
    return "mixed_bfloat16" if has_unit(cpuinfo) and model in DEEP else "float32"


def has_unit(cpuinfo=Path("/proc/cpuinfo")):
    """Return whether the processor has a unit that multiplies bfloat16 matrices."""
    return cpuinfo.exists() and "amx_bf16" in cpuinfo.read_text().split()
