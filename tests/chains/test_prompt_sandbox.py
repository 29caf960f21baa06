"""The sandbox: known template injections as source and as values, and bombs that must stop early with a typed error."""

import time
from pathlib import Path

import pytest

from chains.errors import PromptRenderError, PromptSetError
from chains.prompts import load_prompt_set
from tests.chains.conftest import FRONT, Load

# What the loader refuses, before anything can run.
REFUSED_AT_LOAD = [
    "{{ self }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ config.__class__.__init__.__globals__['os'].environ }}",
    "{{ config.items() }}",
    "{{ dict.mro() }}",
    "{{ request|attr('application')|attr('\\x5f\\x5fglobals\\x5f\\x5f') }}",
    "{{ request['application']['__globals__'] }}",
    "{{ lipsum.__globals__.os.popen('id').read() }}",
    "{{ url_for.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ get_flashed_messages.__globals__.__builtins__.open('/etc/passwd').read() }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ {}.__class__ }}",
    "{{ (1).__class__ }}",
    "{{ ().__class__.__base__.__subclasses__()[132].__init__.__globals__['popen']('id').read() }}",
    "{{ text.__class__.__base__.__subclasses__()|selectattr('__name__', 'eq', 'Popen')|list }}",
    "{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}",
    "{% set x = cycler.__init__ %}{{ x }}",
    "{{ (text|map('upper')).gi_frame.f_globals.__builtins__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ text|attr('\\u005f\\u005fclass\\u005f\\u005f') }}",
    "{{ [text]|map('attr', '__class__')|list }}",
    "{{ [text]|map(tone)|list }}",
    "{{ [[text]]|map('map', tone)|list }}",
    "{{ [text]|map('_iterate')|list }}",
    "{{ ['x']|map('__class__')|list }}",
    "{{ [text]|select(tone)|list }}",
    "{{ [text]|selectattr('a', tone)|list }}",
    "{{ text|_read }}",
    "{{ text|pprint }}",
    "{{ text|safe }}",
    "{{ text|xmlattr }}",
    "{{ '%s'|format(text) }}",
    "{{ text|random }}",
    "{{ text|sum }}",
    "{{ text|batch(1) }}",
    "{{ 'a'|center(1000000000) }}",
    "{{ text.format(a=1) }}",
    "{{ '{0.__class__}'.format(text) }}",
    "{{ text.format_map({}) }}",
    "{{ text.translate({}) }}",
    "{{ text.zfill(10) }}",
    "{{ text.expandtabs(1000000000) }}",
    "{{ text.center(1000000000) }}",
    "{{ 'a'.ljust(1000000000) }}",
    "{{ text.replace('a', 'b') }}",
    "{{ text.join([1]) }}",
    "{{ text.encode('utf-16') }}",
    "{{ [].append(1) }}",
    "{{ {}.update({'a': 1}) }}",
    "{{ (1).to_bytes(1000000000) }}",
    "{{ range(*[1, 2]) }}",
    "{{ text|indent(**{'width': 9}) }}",
    "{{ range.__call__(3) }}",
    "{{ (range)(3)(4) }}",
    "{{ [range][0](3) }}",
    "{{ text() }}",
    "{{ 2 ** 3 }}",
    "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% for a in [1] %}{{ loop.__init__ }}{% endfor %}",
    "{% for a in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% for a in [1] %}{{ loop.changed(a) }}{% endfor %}",
    "{% set ns.a = 1 %}",
    "{% set a %}x{% endset %}",
    "{% autoescape true %}{{ text }}{% endautoescape %}",
    "{% with a = 1 %}{{ a }}{% endwith %}",
    "{% filter upper %}x{% endfilter %}",
    "{% macro a() %}x{% endmacro %}",
    "{% call(a) range(1) %}x{% endcall %}",
    "{% block a %}x{% endblock %}",
    "{% extends 'partials/a.j2' %}",
    "{% import 'partials/a.j2' as a %}",
    "{% from 'partials/a.j2' import a %}",
    "{% do range(1) %}",
    "{% debug %}",
    "{% trans %}x{% endtrans %}",
    "{% continue %}",
    "{{ super() }}",
    "{{ caller() }}",
    "{{ varargs }}",
    "{{ __budget }}",
    "{% set __budget = 1 %}",
    "{% set _x = 1 %}",
    "{% for _x in [1] %}{% endfor %}",
    # CVE-2016-10745, CVE-2019-10906, CVE-2024-56326, CVE-2025-27516, CVE-2024-22195, CVE-2024-34064, and what the
    # public collections of template injections have besides.
    "{{ '{0.__class__}'.format_map({'0': text}) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(text) }}",
    "{{ ['{0.__class__}'.format][0](text) }}",
    "{{ {'f': '{0.__class__}'.format}.f(text) }}",
    "{{ ('{0.__class__}'|attr('format'))(text) }}",
    "{{ '{0.__class__}'|attr('format_map')({'0': text}) }}",
    "{{ [text]|map('attr', 'format')|list }}",
    "{{ {'a onclick=1': 1}|xmlattr }}",
    "{{ {'a/x': 1}|xmlattr }}",
    "{{ ''.__class__.mro()[1].__subclasses__()[396]('id', shell=True, stdout=-1).communicate() }}",
    "{{ ''.__class__.__mro__[2].__subclasses__()[40]('/etc/passwd').read() }}",
    "{{ self._TemplateReference__context.joiner.__init__.__globals__.os.popen('id').read() }}",
    "{{ self._TemplateReference__context.namespace.__init__.__globals__.os }}",
    "{{ self.__dict__ }}",
    "{{ request.application.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ request|attr(['_' * 2, 'class', '_' * 2]|join) }}",
    "{{ request|attr(request.args.c) }}",
    "{{ request['__cl' 'ass__'] }}",
    "{{ text|attr(['__', 'class', '__']|join) }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% if 'warning' in x.__name__ %}"
    "{{ x()._module.__builtins__['__import__']('os').popen('id').read() }}{% endif %}{% endfor %}",
    "{{ config.from_pyfile('/tmp/evil') }}",
    "{{ config.__class__.from_envvar.__globals__.import_string('os').popen('id').read() }}",
    "{{ config['SECRET_KEY'] }}",
    "{{ url_for.__globals__['current_app'].config }}",
    "{{ g.pop.__globals__.__builtins__ }}",
    "{{ session }}",
    "{{ absent.__init__.__globals__ }}",
    "{{ dict(po=1, pen=2)|join }}",
    "{{ cycler(1, 2) }}",
    "{{ joiner(', ')() }}",
    "{{ namespace(a=1) }}",
    "{{ lipsum(n=100000) }}",
    "{{ lipsum|string|list }}",
    "{{ __import__('os').popen('id').read() }}",
    "{{ open('/etc/passwd').read() }}",
    "{{ eval('1') }}",
    "{{ exec('1') }}",
    "{{ globals() }}",
    "{{ getattr(text, '__class__') }}",
    "{{ lambda: 1 }}",
    "{{ [x for x in text] }}",
    "{{ environment }}",
    "{{ context }}",
    "{{ loop }}",
    "{{ range.__globals__ }}",
    "{{ range.__init__.__globals__ }}",
    "{{ text.upper.__self__.__class__ }}",
    "{{ text.upper.__func__ }}",
    "{{ {}.get.__self__ }}",
    "{{ {'__class__': 1}.__class__ }}",
    "{{ ''.maketrans({}) }}",
    "{{ [].pop() }}",
    "{{ {}.pop('a') }}",
    "{{ {}.setdefault('a', 1) }}",
    "{{ [1].sort() }}",
    "{{ [1].clear() }}",
    "{{ (1.0).hex() }}",
    "{{ true.__class__ }}",
    "{{ none.__class__ }}",
    "{{ (1).real.__class__ }}",
    "{{ [text]|groupby('__class__') }}",
    "{{ [text]|sum(attribute='__class__') }}",
    "{{ text|slice(1000000000)|list }}",
    "{{ text|wordwrap(1, wrapstring='x' * 1000000) }}",
    "{{ text|urlize }}",
    "{{ text|striptags }}",
    "{{ text|forceescape }}",
    "{{ text|escape }}",
    "{{ text|filesizeformat }}",
    "{{ text|urlencode }}",
    "{{ {}|dictsort }}",
    "{{ text is filter }}",
    "{{ text is escaped }}",
    "{{ text is callable }}",
    "{{ text['format']('a') }}",
    "{{ 'x'|tojson|attr('__html__') }}",
    "{{ text|replace('a', '{0.__class__}')|format(text) }}",
    "{% include text %}",
    "{% print(text.__class__) %}",
    "{% pluralize %}",
    "{% set __class__ = 1 %}",
    "{% for __x in [1] %}{% endfor %}",
    "{% set text.a = 1 %}",
    "{% set range.a = 1 %}",
    "{{ text | _concat }}",
    "{{ [text]|map('_concat')|list }}",
    "{{ text is _in }}",
    "{{ '' | map('_read') }}",
]

# What only shows when it runs: names that are made at run time, and objects that have inner life.
REFUSED_AT_RENDER = [
    "{{ text['__class__'] }}",
    "{{ text['__doc__'] }}",
    "{{ text['__cla' ~ 'ss__'] }}",
    "{{ text['\\x5f\\x5fclass\\x5f\\x5f'] }}",
    "{{ text[['__class__']|first] }}",
    "{{ [text]|map(attribute='__class__')|list }}",
    "{{ [text]|map(attribute='__class__.__mro__')|list }}",
    "{{ [text, text]|sort(attribute='__class__') }}",
    "{{ [text]|join(attribute='__class__') }}",
    "{{ [text]|selectattr('__class__')|list }}",
    "{{ [text]|unique(attribute='__class__')|list }}",
    "{{ (text|map('upper')).gi_frame }}",
    "{{ (text|map('upper')).gi_frame.f_globals['re'].enum.sys.modules['os'].environ }}",
    "{{ (text|map('upper')).gi_code.co_consts }}",
    "{{ (text|map('upper'))['gi_frame'] }}",
    "{{ [text|map('upper')]|map(attribute='gi_frame.f_globals')|list }}",
    "{{ [{}]|map(attribute=text)|list }}",
    "{{ [{}, {}]|sort(attribute=text) }}",
    "{{ [{}]|join(attribute=text) }}",
    "{{ {}.get(text).x }}",
    "{{ text.format }}",
    "{{ text['format'] }}",
    "{{ text.upper }}",
    "{{ [text.upper] }}",
    "{{ text.upper ~ '' }}",
    "{{ [text.upper]|tojson }}",
    "{{ [text.upper]|join }}",
    "{{ text.upper|string }}",
    "{{ range }}",
    "{{ {'a': range} }}",
    "{{ text|map('upper') }}",
    "{% for a in [1] %}{{ loop }}{% endfor %}",
    "{% set range = text %}{{ range(1) }}",
    "{{ {'index': text}.index(1) }}",
    "{{ '%s' % text }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ text.a.b }}",
    "{{ 1 / 0 }}",
    "{{ [1][5] }}",
    "{% set f = '{0.__class__}'.format %}{{ f }}",
    "{{ ()|select|string|list }}",
    "{{ (()|select|string)[24] }}",
    "{{ ()|select }}",
    "{{ text|map('upper')|string }}",
    "{{ [[text]]|map('join', attribute='__class__')|list }}",
    "{{ [[text]]|map('first')|map(attribute='__class__')|list }}",
    "{{ [text]|map(attribute='format')|list }}",
    "{{ [text]|map(attribute='upper.__self__')|list }}",
    "{{ [text]|selectattr('upper.__self__')|list }}",
    "{{ [text]|map('default', attribute='__class__')|list }}",
    "{{ {'a': 1}['__class__'] }}",
    "{% set x = ''['__class__'] %}{{ x }}",
    "{{ text[text] }}",
    "{{ text['form' ~ 'at'] }}",
    "{{ {}.items().mapping }}",
    "{{ {}.keys()['mapping'] }}",
    "{% for a in [1] %}{{ loop['__init__'] }}{% endfor %}",
    "{% for a in [1] %}{{ loop['_iterable'] }}{% endfor %}",
    "{% for a in [1] %}{{ loop.cycle }}{% endfor %}",
    "{% for a in [1] %}{{ [loop]|map(attribute='__class__')|list }}{% endfor %}",
    "{{ (text ~ '')['__class__'] }}",
    "{{ text|first|list|map(attribute='__class__')|list }}",
    "{{ range['__call__'] }}",
    "{{ [range]|map(attribute='__self__')|list }}",
    "{{ [none]|map(attribute='__class__')|list }}",
    "{{ ('x'|tojson)['__html__'] }}",
    "{{ '%(a)s' % {'a': text} }}",
    "{{ '%c' % 65 }}",
    "{{ '%%' % () }}",
]

BOMBS = [
    "{{ 'a' * 100000000000 }}",
    "{{ 100000000000 * 'a' }}",
    "{{ [1] * 100000000000 }}",
    "{{ [text] * 8000 }}",
    "{{ ([text] * 8000)|join }}",
    "{{ ([text] * 8000)|string }}",
    "{{ ([text] * 8000)|upper }}",
    "{{ ([text] * 8000)|tojson }}",
    "{{ ([text] * 8000) ~ '' }}",
    "{{ ''|replace('', [text] * 8000) }}",
    "{{ text|replace('', text) }}",
    "{{ 'a'|trim([text] * 8000) }}",
    "{{ 'a b'|truncate(1, true, [text] * 8000) }}",
    "{{ [1, 2]|join([text] * 8000) }}",
    "{{ text|map('lower')|join(text) }}",
    "{{ text|reverse|list|join(text) }}",
    "{{ " + " ~ ".join(["text"] * 17) + " }}",
    "{% set a = text ~ text %}" + "{% set a = a ~ a %}" * 4 + "{{ a }}",
    "{% set a = text + text %}" + "{% set a = a + a %}" * 4 + "{{ a }}",
    "{{ (text|list)|select('in', ('b' * 1000000)|list)|list }}",
    "{% set a = [text] %}" + "{% set a = [a, a] %}" * 40 + "{{ a }}",
    "{% set a = {'a': text} %}" + "{% set a = {'a': a, 'b': a} %}" * 40 + "{{ a|tojson }}",
    "{{ ('f' * 8000000)|int(0, 16) // ('f' * 4000000)|int(0, 16) }}",
    "{{ ('f' * 8000000)|int(0, 16) is divisibleby(('f' * 4000000)|int(0, 16)) }}",
    "{% set a = 9000000000000000000 %}{{ a * a }}",
    "{{ 9223372036854775807 + 2 }}",
    "{% for i in range(1000) %}{% set a = text.upper() %}{% endfor %}",
    "{% for i in range(1000) %}{% set a = text|title %}{% endfor %}",
    "{% for i in range(1000) %}{% set a = text|wordcount %}{% endfor %}",
    "{% for i in range(1000) %}{% set a = text.split() %}{% endfor %}",
    "{% for i in range(1000) %}{% set a = text|list %}{% endfor %}",
    "{% for i in range(1000) %}{% set a = text[1:] %}{% endfor %}",
    "{% for i in range(1000) %}{% if 'zz' in text %}{% endif %}{% endfor %}",
    "{% set a = text|list %}{% for i in range(1000) %}{% if 'zz' in a %}{% endif %}{% endfor %}",
    "{% set a = text|list %}{% for i in range(1000) %}{% if 'zz' is in a %}{% endif %}{% endfor %}",
    "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "{% for a in range(1000) if a < 0 %}{% endfor %}" * 11,
    "{% for a in text %}{% endfor %}",
    "{% for a in text|list %}{% endfor %}",
    "{% for a in range(1001) %}{% endfor %}",
    "{% for a in range(10 * 10 * 10 * 10 * 10 * 10 * 10 * 10 * 10) %}{% endfor %}",
    "{% for a in range(1000) %}{{ loop.length }}{{ text }}{% endfor %}",
    "{{ text|sort }}",
    "{{ text|unique|list }}",
    "{{ text|map('upper')|map('lower')|list }}",
    "{{ text|indent(41) }}",
    "{{ text|indent('x' * 100) }}",
    "{{ [1]|tojson(indent=41) }}",
    "{% for i in range(300) %}{{ text|indent(40) }}{% endfor %}",
    "{{ 'x' * 17000000 }}",
    "{{ ('x' * 9000000) ~ ('x' * 9000000) }}",
    "{{ ('x' * 9000000) + ('x' * 9000000) }}",
]


@pytest.mark.parametrize("payload", REFUSED_AT_LOAD)
def test_an_injection_is_refused_at_load(load: Load, payload: str) -> None:
    with pytest.raises(PromptSetError, match=r"1\.0\.0\.j2:9"):
        load(f"user:\n{payload}\n", files={"partials/a.j2": "x"})


@pytest.mark.parametrize("payload", REFUSED_AT_RENDER)
def test_an_injection_is_refused_at_render(load: Load, payload: str) -> None:
    prompt = load(f"user:\nA\n{payload}\n").get("demo")
    with pytest.raises(PromptRenderError) as caught:
        prompt.invoke({"text": "secret"})
    assert caught.value.line == 10
    assert "secret" not in str(caught.value)


def test_a_file_s_name_is_never_code(tmp_path: Path) -> None:
    """CVE-2024-56201: a template's name became part of the compiled Python."""
    folder = tmp_path / 'it\'s {x} \\ """ \n{{ 7*7 }} #'
    (folder / "demo").mkdir(parents=True)
    (folder / "partials").mkdir()
    (folder / "partials" / "a.j2").write_text("{{ text }}")
    (folder / "demo" / "1.0.0.j2").write_text(FRONT + "user:\n{% include 'partials/a.j2' %}{{ text.x }}\n")
    prompt = load_prompt_set(folder).get("demo")
    with pytest.raises(PromptRenderError) as caught:
        prompt.invoke({"text": "A"})
    assert caught.value.line == 9


@pytest.mark.parametrize("payload", [*REFUSED_AT_LOAD, *REFUSED_AT_RENDER, *BOMBS])
def test_the_same_text_is_harmless_as_a_value(load: Load, payload: str) -> None:
    body = "system:\n{{ text }}\nuser:\n{% include 'partials/a.j2' %}{% for a in [text] %}{{ a|trim }}{% endfor %}\n"
    prompt = load(body, files={"partials/a.j2": "{{ text }}"}).get("demo")
    messages = prompt.invoke({"text": payload}).to_messages()
    assert [(message.type, message.content) for message in messages] == [("system", payload), ("human", payload * 2)]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_stopped_within_a_second(load: Load, bomb: str) -> None:
    prompt = load(f"user:\n{bomb}\n").get("demo")
    start = time.process_time()
    with pytest.raises(PromptRenderError, match=r"more than|too large|longer than") as caught:
        prompt.invoke({"text": "x\n" * 500_000})
    assert time.process_time() - start < 1
    assert caught.value.line == 9


def test_partials_that_double_are_stopped(load: Load) -> None:
    files = {f"partials/p{number}.j2": f"{{% include 'partials/p{number + 1}.j2' %}}" * 2 for number in range(18)}
    prompt = load("user:\n{% include 'partials/p0.j2' %}\n", files={**files, "partials/p18.j2": "x"}).get("demo")
    start = time.process_time()
    with pytest.raises(PromptRenderError, match=r"more than 10000 steps"):
        prompt.invoke({"text": "x"})
    assert time.process_time() - start < 1


def test_a_bomb_among_the_examples_is_refused_at_load(load: Load) -> None:
    files = {"demo/few.yaml": "- inputs: {text: a}\n  output: b\n"}
    with pytest.raises(PromptSetError, match="an example cannot be rendered"):
        load("user:\n{{ 'a' * 100000000 }}\n", keys="examples: demo/few.yaml\n", files=files)


def test_each_render_has_a_budget_of_its_own(load: Load) -> None:
    prompt = load("user:\n{% for a in range(1000) %}{% for b in range(8) %}{{ text }}{% endfor %}{% endfor %}\n").get(
        "demo"
    )
    for _ in range(3):
        assert prompt.invoke({"text": "x"}).to_messages()[0].content == "x" * 8000


@pytest.mark.parametrize(
    ("template", "written"),
    [
        pytest.param("{{ range(3)|join(' ') }}{{ range(2)|list }}", "0 1 2[0, 1]", id="range"),
        pytest.param("{% for a in items %}{{ loop.index }}{{ a.n }}{% endfor %}", "1p2q", id="mappings in a loop"),
        pytest.param(
            "{% for a in [1, 2] %}{{ loop.index }}{{ a }}{{ ', ' if not loop.last }}{% endfor %}", "11, 22", id="last"
        ),
        pytest.param("{% for a in items %}{{ loop.cycle('<', '>') }}{% endfor %}", "<>", id="cycle"),
        pytest.param("{% for a in [] %}{% else %}none{% endfor %}", "none", id="an empty loop"),
        pytest.param("{{ {'a': text}.get('a') }}{{ {'a': 1}.items()|list }}", "x[('a', 1)]", id="a mapping's methods"),
        pytest.param("{% for a, b in {'x': 1}.items() %}{{ a }}{{ b }}{% endfor %}", "x1", id="unpacking"),
        pytest.param("{% for a in [3, 1] if a > 2 %}{{ a }}{% endfor %}", "3", id="a filtered loop"),
        pytest.param(
            "{% set a, b = [1, 2] %}{{ a + b * 2 - 1 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 1 / 2 }}", "4 3 3 0.5", id="sums"
        ),
        pytest.param("{% set a = text ~ '!' %}{{ a }}", "x!", id="texts put together"),
        pytest.param("{{ items|map(attribute='n')|sort(reverse=true)|join('+') }}", "q+p", id="attributes"),
        pytest.param("{{ items|selectattr('n', 'eq', 'q')|list|length }}", "1", id="selected by attribute"),
        pytest.param("{{ [1, 2, 3]|reject('odd')|list }}{{ [2, 1]|min }}", "[2]1", id="rejected"),
        pytest.param("{{ ['a', 'b']|map('upper')|join }}{{ items|join('/', attribute='n') }}", "ABp/q", id="mapped"),
        pytest.param("{{ [1, 1, 2]|unique|list }}{{ 'abc'|reverse }}", "[1, 2]cba", id="unique and reversed"),
        pytest.param("{{ 'a b c'|title|replace(' ', '-')|truncate(4, true, '…', 0) }}", "A-B…", id="text filters"),
        pytest.param(
            "{{ 'a\n\nb'|indent(2) }}|{{ 'a b'|wordcount }}|{{ ' x '|trim }}", "a\n\n  b|2|x", id="more of them"
        ),
        pytest.param("{{ '7'|int + '1.5'|float }}{{ 'x'|int(3) }}{{ none|default('d', true) }}", "8.53d", id="numbers"),
        pytest.param("{{ {'ä': [1, none, true]}|tojson }}", '{"ä": [1, null, true]}', id="json"),
        pytest.param("{{ {'a': '<é>'}|tojson }}", '{"a": "<é>"}', id="json is not escaped for html"),
        pytest.param("{{ {'a': [1]}|tojson(indent=1) }}", '{\n "a": [\n  1\n ]\n}', id="indented json"),
        pytest.param(
            "{{ 'x' in 'xyz' }}{{ 1 not in [2] }}{{ 1 < 2 <= 2 }}{{ 'a' is in ['a'] }}", "True" * 4, id="comparisons"
        ),
        pytest.param(
            "{% if text is string and text|length > 0 %}{{ text|upper|trim }}{% endif %}", "X", id="a condition"
        ),
        pytest.param("{{ 'AB' is upper }}{{ 'AB' is lower }}{{ 5 is upper }}", "TrueFalseFalse", id="tests of case"),
        pytest.param("{{ 'abcd'[1:3] }}{{ [1, 2, 3][::-1] }}{{ 'abc'[-1] }}", "bc[3, 2, 1]c", id="slices"),
        pytest.param(
            "{{ 'a,b'.split(',')|last }}{{ 'ab'.startswith('a') }}{{ ['x'].index('x') }}", "bTrue0", id="methods"
        ),
        pytest.param("{{ text.split()|first }}", "x", id="words"),
        pytest.param(
            "{{ 'yes' if items else 'no' }}{{ items[0]['n'] }}{{ items[0].get('x', '-') }}", "yesp-", id="choices"
        ),
        pytest.param("{# gone #}{% raw %}{{ kept }}{% endraw %}", "{{ kept }}", id="comments and raw"),
    ],
)
def test_what_a_prompt_needs_works(load: Load, template: str, written: str) -> None:
    front = FRONT.replace("  text:", "  items: {type: array}\n  text:")
    prompt = load(f"user:\n{template}\n", front=front).get("demo")
    values = {"text": "x", "items": [{"n": "p"}, {"n": "q"}]}
    assert prompt.invoke(values).to_messages()[0].content == written
