"""No text of a caller becomes a control token where a server renders chat templates to text before it tokenizes.

Such servers (Ollama, vLLM, llama-server, most services) take `<|im_end|>` in a message for the real token, and the
model obeys whatever role it opens. No message ever needs one, so every control string of the known model families is
broken in contents: one U+2060 WORD JOINER goes behind its first character. A string that is broken already gets one
more, so that `restore` gives back exactly what was sent, whatever that held.

U+2060 because it has no width and no meaning of its own, isn't white space (templates trim contents), has no
decomposition and joins with nothing (NFC, NFD, NFKC and NFKD keep it), and SentencePiece's nmt_nfkc, which turns the
zero width space U+200B, U+200C, U+200E, U+200F and U+FEFF into spaces, leaves it alone. NFKC_Casefold and BERT's
normalizer would remove it; no chat model's tokenizer uses them.

Case is ignored (ASCII): a tokenizer may lower it before it looks for its added tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import regex

__all__ = [
    "FAMILIES",
    "JOINER",
    "SHAPES",
    "Family",
    "Restorer",
    "Shape",
    "control_strings_markdown",
    "neutralise",
    "restore",
]

JOINER = "\u2060"
_OPENERS = "<>[]｜"


@dataclass(frozen=True, slots=True)
class Shape:
    """Control strings that are known by their form: the first character, and the pattern of the others. It takes
    JOINERs behind each of them with which a control string may begin, but for the last."""

    meaning: str
    examples: tuple[str, ...]
    opener: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Family:
    """The control strings of related models, as their tokenizers and chat templates write them."""

    name: str
    strings: tuple[str, ...]


_BAR = rf"(?:\||｜{JOINER}*+)"
_NAME = rf"[^\s<>\[\]|｜{JOINER}](?:[^\t\r\n<>\[\]|｜{JOINER}]{{0,63}})"

SHAPES = (
    Shape(
        "A name of up to 64 characters between bars, also full-width ones, in angle brackets.",
        ("<|im_start|>", "<|reserved_special_token_7|>", "<｜begin▁of▁sentence｜>", '<|"|>'),
        "<",
        rf"{_BAR}{_NAME}{_BAR}>",
    ),
    Shape(
        "A name with one bar, at either side.",
        ("<|turn>", "<turn|>", "<|tool_call>", "<channel|>"),
        "<",
        r"(?:\|[/\w.-]{1,32}>|[/\w.-]{1,32}\|>)",
    ),
    Shape(
        "Numbered spare, sentinel and reserved tokens.",
        ("<unused12>", "<SPECIAL_20>", "<extra_id_0>", "<reserved_106>", "<loc0001>", "<seg001>"),
        "<",
        r"(?:unused|special_|extra_id_|reserved_|reserved_token_|loc|seg)[0-9]{1,6}>",
    ),
    Shape(
        "The same in square brackets, and the places at which Ollama puts images in.",
        ("[unused9]", "[UNUSED_TOKEN_145]", "[img-0]", "[control_8]"),
        "[",
        r"(?:unused_?(?:token_)?|img-|control_)[0-9]{1,6}\]",
    ),
)

# Written as words between white space: no control string holds any.
_STRINGS = {
    "ChatML (Qwen, SmolLM, Yi, many fine-tunes)": "<|im_start|> <|im_end|> <|im_sep|> <|endoftext|> <|startoftext|>",
    "Qwen": "<|vision_start|> <|vision_end|> <|image_pad|> <|object_ref_start|> <|box_start|> <|quad_start|> "
    "<|repo_name|> <|file_sep|> <|fim_prefix|> <ref> </ref> <box> </box> <quad> </quad> <img> </img>",
    "SmolLM, StarCoder, Granite Code": "<repo_name> <reponame> <file_sep> <filename> <gh_stars> <issue_start> "
    "<issue_comment> <issue_closed> <jupyter_start> <jupyter_text> <jupyter_code> <jupyter_output> "
    "<jupyter_script> <empty_output> <commit_before> <commit_msg> <commit_after> <pr> <pr_status> <pr_is_merged> "
    "<pr_base> <pr_file> <pr_base_code> <pr_diff> <pr_diff_hunk> <pr_comment> <pr_event_id> <pr_review> "
    "<pr_review_state> <pr_review_comment> <pr_in_reply_to_review_id> <pr_in_reply_to_comment_id> "
    "<pr_diff_hunk_comment_line> <NAME> <EMAIL> <KEY> <PASSWORD> "
    "<fim_prefix> <fim_middle> <fim_suffix> <fim_pad>",
    "Llama 2, Mistral 7B, and all with SentencePiece": "<s> </s> <unk> <pad> <bos> <eos> <mask> <sep> <cls> [INST] "
    "[/INST] <<SYS>> <</SYS>> <PRE> <MID> <SUF> <EOT> <FILL_ME>",
    "Llama 3": "<|begin_of_text|> <|end_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|eom_id|> "
    "<|python_tag|> <|finetune_right_pad_id|> <|image|>",
    "Llama 4": "<|header_start|> <|header_end|> <|eot|> <|eom|> <|step|> <|patch|> <|image_start|> <|image_end|>",
    "Mistral (Tekken)": "[AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] "
    "[/TOOL_CALLS] [TOOL_CONTENT] [CALL_ID] [ARGS] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [MODEL_SETTINGS] "
    "[/MODEL_SETTINGS] [THINK] [/THINK] [REASONING] [VERIFICATION] [SCORE] [STEP] [/STEP] [REF] [/REF] [BBOX] "
    "[/BBOX] [IMG] [IMG_BREAK] [IMG_END] [AUDIO] [BEGIN_AUDIO] [OUTPUT_AUDIO] [TRANSCRIBE] [STREAMING_PAD] "
    "[STREAMING_WORD] [REPEAT_AUDIO_TEXT] [PREFIX] [MIDDLE] [SUFFIX]",
    "Gemma": "<start_of_turn> <end_of_turn> <start_of_image> <end_of_image> <image_soft_token> <audio_soft_token> "
    "<start_of_audio> <end_of_audio> <2mass> [@BOS@] <|turn> <turn|> <|channel> <channel|> <|think|>",
    "Phi, Zephyr, TinyLlama": "<|system|> <|user|> <|assistant|> <|end|> <|tool|> <|/tool|> <|dummy_0|>",
    "DeepSeek": "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜User｜> <｜Assistant｜> <｜tool▁calls▁begin｜> "
    "<｜tool▁call▁begin｜> <｜tool▁sep｜> <｜tool▁outputs▁begin｜> <｜fim▁begin｜> <|EOT|> ｜DSML｜ ｜｜DSML｜｜",
    "Command R, Command A, Aya": "<BOS_TOKEN> <EOS_TOKEN> <EOP_TOKEN> <MASK_TOKEN> <|START_OF_TURN_TOKEN|> "
    "<|END_OF_TURN_TOKEN|> <|SYSTEM_TOKEN|> <|USER_TOKEN|> <|CHATBOT_TOKEN|> <|START_RESPONSE|> <|START_THINKING|>",
    "GLM, ChatGLM": "[gMASK] [sMASK] [MASK] <sop> <eop> <eod> <|observation|> <arg_key> </arg_key> <arg_value> "
    "</arg_value> <|begin_of_box|>",
    "gpt-oss (harmony)": "<|start|> <|message|> <|channel|> <|constrain|> <|call|> <|return|> <|endofprompt|>",
    "Granite": "<|start_of_role|> <|end_of_role|> <|start_of_plugin|> <think_on> <think_off> <response> </response>",
    "Falcon": ">>TITLE<< >>ABSTRACT<< >>INTRODUCTION<< >>SUMMARY<< >>COMMENT<< >>ANSWER<< >>QUESTION<< >>DOMAIN<< "
    ">>PREFIX<< >>SUFFIX<< >>MIDDLE<<",
    "EXAONE": "[|system|] [|user|] [|assistant|] [|tool|] [|endofturn|] [BOS] [EOS]",
    "InternLM, Kimi, Hunyuan, ERNIE, LFM, Nemotron": "<|action_start|> <|plugin|> <|im_middle|> "
    "<|tool_calls_section_begin|> <｜hy_User｜> <|begin_of_sentence|> <|tool_list_start|> <eoh> <eom> <eoa>",
    "Ling, Bailing": "<role> </role>",
    "SmolVLM, Idefics": "<end_of_utterance> <fake_token_around_image> <global-img>",
    "TeleChat": "<_system> <_user> <_bot> <_end> <_start> <_pad>",
    "BlueLM": "[|Human|] [|AI|] [|SYSTEM|]",
    "InternVL": "<IMG_CONTEXT>",
    "Janus": "<begin_of_image> <end_of_image> <image_placeholder>",
    "MiniMax": "]~!b[ ]~b] [e~[ <minimax:tool_call> </minimax:tool_call>",
    "Seed": "<seed:bos> <seed:eos> <seed:pad> <seed:think> </seed:think> <seed:tool_call> </seed:tool_call> "
    "<seed:cot_budget_reflect> </seed:cot_budget_reflect> <[begin▁of▁sentence]> <[end▁of▁sentence]>",
    "MiniCPM": "<用户> <AI>",
    "BERT-like and T5": "[CLS] [SEP] [PAD] [UNK]",
    "Reasoning and tools, over several families": "<think> </think> <thinking> </thinking> <tool_call> </tool_call> "
    "<tool_response> </tool_response> <tool_calls> </tool_calls> <tools> </tools> <function_calls> "
    "</function_calls> <function_call> </function_call> <functions> </functions> <multiplecomands> "
    "</multiplecomands>",
    "Media, over several servers": "<__media__> <__image__> <image> </image> <audio> </audio> <video> </video> "
    "<im_start> <im_end> <im_patch>",
}

FAMILIES = tuple(Family(name, tuple(strings.split())) for name, strings in _STRINGS.items())

_INTRODUCTION = """\
Model servers that render chat templates to text before they tokenize take `<|im_end|>` in a caller's text for the \
real control token, and the model obeys whatever role it opens. The kinds `ollama`, `openai` and `langchain` therefore \
put one invisible U+2060 WORD JOINER behind the first character of every string below before a content is sent, and \
take it away again from answers. A string that holds joiners there already gets one more, so that every text comes \
back as it was. Case is ignored. The kind `embedded` needs none of it: it sends tokens.

Not covered: words that steer a model without being tokens (`/no_think`, `### Instruction:`, `USER:`), and an answer \
in JSON that writes the joiner as `\\u2060`, which is then kept."""


def neutralise(text: str) -> str:
    """`text` without any control string: one JOINER more behind the first character of each."""
    if not any(map(text.__contains__, _OPENERS)):
        return text
    return _OPENER_OF_CONTROL.sub(rf"\g<0>{JOINER}", text)


def restore(text: str) -> str:
    """One JOINER less in each control string that holds one. For every text: restore(neutralise(text)) == text."""
    return _restored(text, is_all=True)[0] if JOINER in text else text


class Restorer:
    """`restore` for a text that comes in pieces of any size."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be given out now: all but an end that may be the beginning of a neutralised string."""
        if not self._held and JOINER not in text and not text.endswith(tuple(_OPENERS)):
            return text
        ready, self._held = _restored(self._held + text, is_all=False)
        return ready

    def finish(self) -> str:
        """What was held back; nothing follows."""
        ready, self._held = restore(self._held), ""
        return ready


def _restored(text: str, *, is_all: bool) -> tuple[str, str]:
    """The text restored as far as it is settled, and the rest as it is. Where it `is_all`, nothing is left."""
    pieces: list[str] = []
    done = 0
    for joined in (_JOINED if is_all else _MAYBE_JOINED).finditer(text):
        start = joined.start()
        found = _CONTROL.match(text, start, partial=not is_all)
        if found is None:
            continue
        if found.partial:
            return "".join([*pieces, text[done:start]]), text[start:]
        pieces.append(text[done : start + 1])
        done = start + 2
    return "".join([*pieces, text[done:]]), ""


def _pattern(form: str) -> str:
    """Any control string with any number of JOINERs behind its first character: its opener and rest, as `form` says.

    JOINERs behind further characters at which another control string may begin (`<<SYS>>`, `[e~[`) don't count, so
    that what is a control string stays one however many others around it are neutralised or restored.
    """
    strings = {string.lower() for family in FAMILIES for string in family.strings}
    groups = []
    for opener in _OPENERS:
        rests = [shape.pattern for shape in SHAPES if shape.opener == opener]
        shaped = regex.compile("|".join(rests) or r"(?!)", _FLAGS)
        tree = _tree(sorted(s[1:] for s in strings if s[0] == opener and not shaped.fullmatch(s[1:])))
        rests.append(tree or r"(?!)")
        groups.append(form.format(opener=regex.escape(opener), rest=f"{JOINER}*+(?:{'|'.join(rests)})"))
    return "|".join(groups)


def _tree(strings: Sequence[str]) -> str:
    """A pattern of all the strings, sorted by their beginnings: hundreds in a row would be tried one by one."""
    branches: list[str] = []
    for first, same in groupby((string for string in strings if string), key=itemgetter(0)):
        rests = [string[1:] for string in same]
        joiners = f"{JOINER}*+" if first in _OPENERS and any(rests) else ""
        branches.append(regex.escape(first) + joiners + _tree(rests))
    is_end = "" in strings
    if len(branches) == 1 and not is_end:  # a group of one costs as much to compile as any
        return branches[0]
    return f"(?:{'|'.join(branches)}){'?' if is_end else ''}" if branches else ""


# One engine for both directions, so that both take the same strings for control strings.
_FLAGS = regex.VERSION1 | regex.IGNORECASE | regex.ASCII
_CONTROL = regex.compile(_pattern("{opener}{rest}"), _FLAGS)
_OPENER_OF_CONTROL = regex.compile(_pattern("{opener}(?={rest})"), _FLAGS)
_JOINED = regex.compile(rf"[{regex.escape(_OPENERS)}]{JOINER}")
_MAYBE_JOINED = regex.compile(rf"[{regex.escape(_OPENERS)}](?:{JOINER}|\Z)")


def control_strings_markdown() -> str:
    """The page for the repository. A test fails where the committed one differs."""
    origin = "<!-- Generated by `make contract` from chains/backends/control_strings.py. -->"
    parts = ["# Control strings", "", origin, "", _INTRODUCTION, "", "## By their form"]
    for shape in SHAPES:
        parts += ["", f"{shape.meaning} For example:", "", "```text", *shape.examples, "```"]
    for family in FAMILIES:
        parts += ["", f"## {family.name}", "", "```text", *family.strings, "```"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(control_strings_markdown(), end="")
