"""vote: candidates are ranked by three proxies, and the ranks joined (Abdelfattah 2021,
https://arxiv.org/abs/2101.08134). Higher is better. Only of several candidates.
"""

#: Joined by the sum of ln(rank / number of candidates).
PARTS = ("synflow", "jacob_cov", "snip")
