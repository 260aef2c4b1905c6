"""Whether half precision is worth while on this processor."""

from pathlib import Path


def has_unit(cpuinfo=Path("/proc/cpuinfo")):
    """Return whether the processor multiplies bfloat16 numbers faster than float32."""
    if not cpuinfo.exists():
        return False
    words = set(cpuinfo.read_text().split())
    return "amx_bf16" in words or {"AuthenticAMD", "avx512_bf16"} <= words
