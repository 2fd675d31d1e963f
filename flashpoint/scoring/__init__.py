"""The pure scoring core: columns of numbers in, a ranked and explained matrix of numbers out.

No SQL, no clock, no web, no geometry objects: whoever calls says what was known and how old it is.
``model.score(evidence, methodology)`` is the entrance; ``contributions.Ledger`` explains what came out of it.
"""
