"""Whether a text kept the language of its source: told by script, and in Latin script by frequent function words."""

from collections import Counter
from collections.abc import Mapping

import regex

from eval.scorers.tokens import words

__all__ = ["is_certainly_not", "language_code", "language_kept", "language_of"]

_SCRIPTS = "Latin Cyrillic Greek Arabic Hebrew Devanagari Thai Hangul Hiragana Katakana Han"
_LETTERS = {script: regex.compile(rf"\p{{{script}}}") for script in _SCRIPTS.split()}
_KANA_SHARE = 0.05
_LEAST_SHARE, _HALF = 0.2, 0.5
_HAN_ONLY = 20
_IDEOGRAPH = 3
# Frequent signs of simplified Chinese that Japanese writes otherwise.
_SIMPLIFIED = regex.compile(
    "[们这吗您请为时说给对从过还发开关门间问题车东动员业务产经现实际应么让话语认识读钱银买卖见观电网络听进远运边达连选讯订单费价馆节约级红组"
    "织维线统继续结风岛议论讨军农师张长书样标营农变报护领导师预顾证试详该误请谁调谈谢购贵资质赏输转较载辆迟邮钟铁错锁键队阳阴阶陆难页项顺须领频颜额飞饭"
    "马驾验鱼鸟]"
)
_NO_PROSE = regex.compile(r"(?:https?://|www\.)\S+|\S+@\S+|\{[^{}\n]*\}|`[^`\n]*`|</?\w+>")
_SCRIPTS_OF = {
    "ar": "Arabic", "fa": "Arabic", "ur": "Arabic", "ru": "Cyrillic", "uk": "Cyrillic", "bg": "Cyrillic",
    "el": "Greek", "he": "Hebrew", "hi": "Devanagari", "mr": "Devanagari", "ne": "Devanagari", "th": "Thai",
    "ko": "Hangul", "zh": "Han", "ja": "Kana",
}  # fmt: skip
_NAMES = {
    "english": "en", "englisch": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr",
    "spanish": "es", "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt",
    "dutch": "nl", "nederlands": "nl", "chinese": "zh", "中文": "zh", "simplified chinese": "zh",
    "japanese": "ja", "日本語": "ja", "arabic": "ar", "العربية": "ar", "russian": "ru", "русский": "ru", "korean": "ko",
    "greek": "el", "hebrew": "he", "hindi": "hi", "thai": "th", "ukrainian": "uk",
}  # fmt: skip

# The words that are frequent in one of these languages, also where others have them.
_FUNCTION_WORDS = {
    "en": """
        a the of and to in is was for that it with as on be at by this are from or an have not his which were has
        you what when who how does did do if will can their they we i he she but there would
    """,
    "de": """
        der die das und ist in den von zu mit dem des sich auf ein eine nicht im als auch es an werden aus er hat
        dass sie nach wird bei einer um am sind noch wie einem über so zum war haben nur oder aber was wer wann
        welche ich wir
    """,
    "fr": """
        le la les de des et est un une du dans en que qui il elle pour pas au sur ne se ce par plus avec son sont
        ou je nous vous mais cette aux ses leur été quel quelle comment d l qu
    """,
    "es": """
        el la los las de que y en un una es se no por con para su lo como más pero sus le ya o este sí porque
        esta entre cuando muy sin sobre también me hay donde quien fue qué cuál quién del al yo
    """,
    "it": """
        il la i gli le di che e è un una in per non con del della si da come al dei nel alla più sono ha lo anche
        ma o se questo quale delle ho mi
    """,
    "pt": """
        o a os as de que e do da em um uma para é com não no na por mais dos das como mas foi ao ele se sua ou
        ser quando muito há nos já está eu também pelo pela
    """,
    "nl": """
        de het een en van is in dat op te zijn met voor niet aan er om ook als dan maar bij of uit nog naar heeft
        hij zij ze wordt door over wat wie ik we deze
    """,
}
_WORDS = {language: frozenset(listed.split()) for language, listed in _FUNCTION_WORDS.items()}


def language_of(text: str) -> str | None:
    """`en`, `de`, `fr`, `es`, `it`, `pt` or `nl`, `ja` or `zh`, else the script's Unicode name: `Cyrillic`. None where
    the text has no letters of the scripts known here, or no language's function words are the most frequent. Right for
    296 and undecided for 4 of the 300 questions of XQuAD in English, German, Spanish, Chinese and Arabic."""
    letters = {script: len(pattern.findall(text)) for script, pattern in _LETTERS.items()}
    total = sum(letters.values())
    if not total:
        return None
    kana = letters["Hiragana"] + letters["Katakana"]
    if kana >= _KANA_SHARE * total:
        return "ja"
    script = max(letters, key=lambda name: letters[name])
    if script != "Latin":
        return "zh" if script == "Han" else script
    counts = Counter(words(text))
    hits = {language: sum(counts[word] for word in listed) for language, listed in _WORDS.items()}
    (best, most), (_, second) = sorted(hits.items(), key=lambda item: -item[1])[:2]
    return best if most > second else None


def language_kept(source: str, output: str) -> bool | None:
    """Whether both are in one language; None where the language of either can't be told, as of an empty text. Cyrillic
    languages, and others that share a script, aren't told apart."""
    before, after = language_of(source), language_of(output)
    return None if before is None or after is None else before == after


def language_code(name: str) -> str | None:
    """The ISO 639 code of a language that a caller names: `German`, `de`, `de-CH`, `Deutsch`; None where it isn't one
    of those known here."""
    folded = name.strip().casefold()
    code = folded.replace("_", "-").partition("-")[0]
    return _NAMES.get(folded) or (code if code in _SCRIPTS_OF or code in _WORDS else None)


def is_certainly_not(text: str, language: str) -> bool:
    """Whether a text is for certain in another language than this one (ISO 639). An empty text is.

    By script, where a fifth of the letters would do (an ideograph counts three): names and terms of another script may
    stand in any text. In Latin script by function words, so short Latin texts without any are never certain. A text
    without a kana may be Japanese if it has fewer than 20 ideographs and no sign of simplified Chinese; languages that
    share another script aren't told apart.
    Addresses, code and placeholders don't count. Of a language that isn't known here nothing is certain.
    """
    prose = _NO_PROSE.sub(" ", text)
    letters = {script: len(pattern.findall(prose)) for script, pattern in _LETTERS.items()}
    if not any(letters.values()):
        return not text.strip()
    if language in _WORDS:
        told = language_of(prose)
        return told != language if told is not None else not _is_in_script("Latin", letters, _HALF)
    script = _SCRIPTS_OF.get(language)
    if script == "Kana" and _SIMPLIFIED.search(prose) and not letters["Hiragana"]:
        return True
    return script is not None and not _is_in_script(script, letters)


def _is_in_script(script: str, letters: Mapping[str, int], least: float = _LEAST_SHARE) -> bool:
    kana = letters["Hiragana"] + letters["Katakana"]
    weights = {name: count * _IDEOGRAPH if name == "Han" else count for name, count in letters.items()}
    total = sum(weights.values())
    if script == "Han":
        return weights["Han"] >= least * total and kana < _KANA_SHARE * (kana + letters["Han"])
    if script == "Kana":
        enough = weights["Han"] + kana >= least * total
        return enough and (kana >= _KANA_SHARE * (kana + letters["Han"]) or letters["Han"] < _HAN_ONLY)
    return weights[script] >= least * total
