"""What pyproject.toml cannot say: zoo/ is packaged as keras_drmm/presets/."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["keras_drmm*"]), "keras_drmm.presets"],
    package_dir={"keras_drmm.presets": "zoo"},
)
