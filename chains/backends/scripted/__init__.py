"""The scripted backend: answers from a script, for tests, demos and rehearsals of failure. It calls no model.

A script is a list of answers, in the configuration or in a YAML file. The first line that fits serves:

    - when: Lovelace            # fits where it stands in the last user message; without it, every message fits
      answer: {entities: []}    # a text, or an object that is given as JSON
      delay_ms: 50              # before the first token
      token_ms: 5               # between two tokens
    - when: outage
      fail: busy                # unavailable | busy | timeout | rejected | protocol: at the door, without a slot
      retry_after_s: 2          # what the failure says about the next try
      times: 3                  # this line serves three times, the next one that fits then
    - when: flaky
      chance: 0.1               # serves one in ten of the requests that reach it, the next one that fits the others
      fail: unavailable
      fail_after: 4             # not at the door but after four tokens; 0: in its slot, before the first one
    - stall_after: 4            # gives four tokens and hangs; 0: before the first one
    - end_early: 4              # the stream ends after four tokens without a reason, as a broken server's
    - answer: One. And a stu
      cut_off: true             # ends as at the cap on output tokens
    - answer: All is well.
      scores: {yes: -0.1}       # logarithms of likelihoods; continuations that aren't named get one by their letters

A fault after more tokens than the answer has comes at its end. `chance` draws from `seed` and the line's place: the
n-th request that reaches a line always meets the same n-th draw, in each process anew. `times` counts in each process
too.

The server behind it has `slots` (none named: no bound). A request holds one for `service_ms` and `delay_ms` before its
first token, then as long as its tokens take or it hangs; the others wait without bound, as they do in Ollama. It works
whether or not anybody reads the answer, until the caller leaves. Its tokens are words with the white space before them:
`max_tokens`, `context_tokens`, usage and logprobs count these. `stop` is obeyed, and logprobs follow from the letters.
An object is given as JSON, a text as it stands also where a schema is asked for. Temperature, top_p, seed and
frequency_penalty change nothing.
"""

from chains.backends.scripted.configuration import ScriptedConfig
from chains.backends.scripted.script import Failure, ScriptedAnswer

__all__ = ["Failure", "ScriptedAnswer", "ScriptedConfig"]
