"""vkdnw_agg: VKDNW and four other proxies, whose ranks among candidates are joined (Tybl 2025,
https://arxiv.org/abs/2502.04975). Higher is better. Only of several candidates of a classification.
"""

#: Joined by the sum of ln(rank / number of candidates).
PARTS = ("vkdnw", "jacob_cov", "az_expressivity", "az_trainability", "flops")
