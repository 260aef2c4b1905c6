"""A processor has a unit for bfloat16 where bfloat16 was measured to be faster."""

import pytest

from recipes.common import precision

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx512f amx_bf16", True),
        ("avx512f avx512_bf16", False),
        ("AuthenticAMD avx512_bf16", True),
        ("AuthenticAMD avx512f", False),
    ],
)
def test_unit_is_that_of_the_processor(tmp_path, flags, expected):
    info = tmp_path / "cpuinfo"
    info.write_text(f"model name: some\nvendor and flags: {flags}\n")
    assert precision.has_unit(info) == expected
    assert not precision.has_unit(tmp_path / "none")
