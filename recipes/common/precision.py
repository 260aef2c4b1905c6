"""The precision that a run is fastest in."""

from pathlib import Path

from recipes.tables.cells import DEEP

PRECISIONS = ("float32", "mixed_bfloat16")


def fastest(dtype, model, cpuinfo=Path("/proc/cpuinfo")):
    """Return the dtype policy of a run: "auto" is decided by model and processor.

    Measured with conv-small: bfloat16 is faster on an Intel processor with AMX and on
    an AMD with AVX-512 BF16, and slower on an Intel with AVX-512 BF16 alone. Fewer
    levels spend longer on casting what they see than on their convolutions.
    """
    if dtype != "auto":
        return dtype
    return "mixed_bfloat16" if has_unit(cpuinfo) and model in DEEP else "float32"


def has_unit(cpuinfo=Path("/proc/cpuinfo")):
    """Return whether the processor multiplies bfloat16 numbers faster than float32."""
    if not cpuinfo.exists():
        return False
    words = set(cpuinfo.read_text().split())
    return "amx_bf16" in words or {"AuthenticAMD", "avx512_bf16"} <= words
