"""EM: learning by E-steps over the data and M-steps in closed form."""

from keras_drmm.em.hard_em import HardEM
from keras_drmm.em.soft_em import SoftEM

__all__ = ["HardEM", "SoftEM"]
