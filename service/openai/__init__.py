"""OpenAI's completions API (platform.openai.com/docs/api-reference/completions), whose models are runs.

`run` is the latest checkpoint of a run, also of one that still trains; `run@step` one of its checkpoints.
"""
