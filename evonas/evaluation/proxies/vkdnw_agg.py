"""vkdnw_agg: VKDNW and four other proxies, whose ranks among candidates are combined (Tybl 2025,
https://arxiv.org/abs/2502.04975). Higher is better. It needs several candidates of a classification.
"""

#: Combined by the sum of ln(rank / number of candidates).
PARTS = ("vkdnw", "jacob_cov", "az_expressivity", "az_trainability", "flops")
