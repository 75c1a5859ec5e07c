"""vote: candidates are ranked by three proxies, and the ranks are combined (Abdelfattah 2021,
https://arxiv.org/abs/2101.08134). Higher is better. It needs several candidates.
"""

#: Combined by the sum of ln(rank / number of candidates).
PARTS = ("synflow", "jacob_cov", "snip")
