"""Reports: what the runs of a job, or any runs, say together. Data first, then as JSON, CSV, Markdown or HTML.

What is needed is imported from its module: a worker needs a few of these, and waits for none of the others.
"""
