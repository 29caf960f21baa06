"""The facts of a text that a machine can tell for certain, and which of them another text doesn't hold.

`facts` finds numbers, dates, names, addresses, code and placeholders; `missing` compares them by what they mean. A
text that is compared several times is given as a `Told`. All take time in proportion to the text, whatever it holds:
some seconds for 5 MB, so call them off the event loop.
"""

from chains.text.facts.comparison import Told, missing
from chains.text.facts.fact import Fact, FactKind
from chains.text.facts.finding import facts

__all__ = ["Fact", "FactKind", "Told", "facts", "missing"]
