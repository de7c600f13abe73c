"""Runs submissions as they were published for the official runner, without a change to their files.

Nothing else of this repository imports this package; `tandem run` does when its submission imports
`algoperf` or `algorithmic_efficiency`. docs/published_submissions.md says what is provided.
"""
