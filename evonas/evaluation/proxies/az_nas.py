"""az_nas: four proxies of different kinds, whose ranks among candidates are combined (Lee 2024,
https://arxiv.org/abs/2403.19232). Higher is better. It needs several candidates.
"""

#: Combined by the sum of ln(rank / number of candidates).
PARTS = ("az_expressivity", "az_progressivity", "az_trainability", "flops")
