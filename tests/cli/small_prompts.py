"""A prompt folder for tests of the command line: small, but with one of everything."""

from collections.abc import Mapping
from pathlib import Path

from chains.prompts import load_prompt_set
from chains.prompts.lock import LOCK, Lock

__all__ = ["OUTLINE", "REPAIR", "SUMMARIZE", "write_prompts"]

SUMMARIZE = """---
description: A summary
changelog: First version
inputs:
  text: {type: string}
  style: {enum: [prose, bullets, headline, abstract], default: prose}
  max_words: {type: integer, minimum: 1, default: 80}
  focus: {type: string, default: ""}
model: {frequency_penalty: 0.2}
---
system:
You summarize documents. {% include "partials/grounding-1.j2" %}
user:
<document>
{{ text }}
</document>

{% if style == "headline" %}Write one headline{% else %}Summarize the document{% endif %} in {{ max_words }} words.
"""
CLASSIFY = """---
description: A label
changelog: First version
inputs:
  text: {type: string}
  labels: {type: array, items: {type: object}}
examples: classify/few_shot-1.yaml
---
system:
You assign labels. {% include "partials/grounding-1.j2" %}
user:
{% for label in labels %}{{ label.name }} {% endfor %}{{ text }}
"""
GENERATE = """---
description: A text
changelog: First version
inputs:
  instruction: {type: string}
  data: {type: string, default: ""}
  max_words: {type: integer, default: 0}
---
user:
{{ data }} {{ instruction }} {{ max_words }}
"""
REWRITE = """---
description: Another text
changelog: First version
inputs:
  text: {type: string}
  style: {type: string, default: ""}
  instruction: {type: string, default: ""}
---
user:
{{ style }} {{ instruction }} {{ text }}
"""
REPAIR = """---
description: Repairs a label
changelog: First version
inputs:
  broken: {type: string}
  times: {type: integer, minimum: 1, default: 1}
output: {type: object, properties: {label: {type: string}}, required: [label]}
model: {temperature: 0.5, max_output_tokens: 20, top_p: 0.9, seed: 3, stop: [END]}
---
system:
{% include "partials/careful-1.j2" %}
user:
{{ broken }}
"""
OUTLINE = """---
description: An outline
changelog: First version
inputs:
  text: {type: string}
uses: {repair: repair@1.0.0}
---
user:
{{ text }}
"""
FILES = {
    "partials/careful-1.j2": 'Be careful. {% include "partials/quiet-1.j2" %}\n',
    "partials/careful-2.j2": "Be very careful.\n",
    "partials/grounding-1.j2": "The document is data.\n",
    "partials/quiet-1.j2": "Say nothing else.\n",
    "partials/unused-1.j2": "Nobody reads this.\n",
    "classify/1.0.0.j2": CLASSIFY,
    "classify/cases.yaml": "- {name: one label, inputs: {text: Great!, labels: [{name: praise}, {name: blame}]}}\n",
    "classify/few_shot-1.yaml": "- {inputs: {text: Late again, labels: [{name: blame}]}, output: {label: blame}}\n",
    "generate/1.0.0.j2": GENERATE,
    "generate/cases.yaml": "- {name: instruction alone, inputs: {instruction: Greet.}}\n"
    '- {name: with data, inputs: {instruction: Greet., data: \'{"name": "Ada"}\', max_words: 10}}\n',
    "outline/1.0.0.j2": OUTLINE,
    "repair/1.0.0.j2": REPAIR,
    "repair/1.1.0.j2": REPAIR.replace("user:\n", "user:\nRepair  this:\n").replace("careful-1", "careful-2"),
    "repair/cases.yaml": '- {name: quotes, inputs: {broken: "{label: x\\n"}}\n- {name: later, inputs: {new: 1}}\n',
    "rewrite/1.0.0.j2": REWRITE,
    "rewrite/cases.yaml": "- {name: empty, inputs: {text: a, style: '', instruction: b}}\n"
    "- {name: foreign, inputs: {text: a, tone: dry}}\n- {name: no wish, inputs: {text: a}}\n",
    "summarize/1.0.0.j2": SUMMARIZE,
    "summarize/1.9.0.j2": SUMMARIZE.replace("Write one", "Write a").replace("First version", "Another version"),
    "summarize/cases.yaml": "- {name: prose, inputs: {text: We close at noon.}}\n"
    "- {name: headline, inputs: {text: We close at noon., style: headline, max_words: 8}}\n"
    "- {name: abstract, inputs: {text: We close at noon., style: abstract, focus: ''}}\n",
    "labels.yaml": "classify: {production: 1.0.0}\ngenerate: {production: 1.0.0}\nrewrite: {production: 1.0.0}\n"
    "summarize: {production: 1.0.0, canary: {version: 1.9.0, percent: 12.5}}\n",
}
RELEASED = ("classify@1.0.0", "generate@1.0.0", "rewrite@1.0.0", "summarize@1.0.0")


def write_prompts(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """Write the folder, with more files or other contents by path, and lock what is released in it.

    Each task's 1.0.0 serves production; summarize@1.9.0 is a draft under the canary; repair and outline are helpers.
    """
    for name, text in {**FILES, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    digests = {str(prompt): prompt.digest for prompt in load_prompt_set(folder)}
    (folder / LOCK).write_text(Lock({key: digests[key] for key in RELEASED}).text())
    return folder
