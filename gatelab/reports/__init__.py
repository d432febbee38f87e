"""Reports: the combined results of the runs of a job, or of any runs. Data first, then as JSON, CSV, Markdown or HTML.

Import names from their modules: a worker needs a few of these, and does not wait for the others.
"""
