"""Recorded answers, and the backend that gives them again: no model, no network, the same answer every time.

request_key.py    what makes two requests the same: a hash over all that can change the answer, and nothing else
shapes.py         what stands in a cassette: its header and its recordings, one JSON object a line
cassette.py       reads cassettes: a file, or a folder of them
recorder.py       writes them, line by line as answers are complete, and in order at the end
chat_model.py     the model that answers from a cassette
recording.py      the model that asks another one and records what it says
configuration.py  kind `replay`
modes.py          how a backend is recorded or replayed, for whoever runs an evaluation
upkeep.py         verify, prune and redact
"""
