"""The precision that a run is fastest in."""

from pathlib import Path

from recipes.cells import PEERS

PRECISIONS = ("auto", "float32", "mixed_bfloat16")
# Of 5 levels and more: their convolutions take longer than casting what they see.
DEEP = ("drmm_conv_small", "drmm_conv_large", *PEERS)


def fastest(dtype, model, cpuinfo=Path("/proc/cpuinfo")):
    """Return the dtype policy of a run: "auto" is decided by model and processor.

    A processor without AMX has no unit for bfloat16 matrices: conv-small then takes 1.5
    times as long in half precision, and with it half as long.
    """
    if dtype != "auto":
        return dtype
    has_unit = cpuinfo.exists() and "amx_bf16" in cpuinfo.read_text()
    return "mixed_bfloat16" if has_unit and model in DEEP else "float32"
