"""Training algorithms: one folder each, with a manifest, a search space, and one module per
framework.
"""
