"""Words that begin a sentence often, so that their capital says nothing, and words that tell a language."""

__all__ = ["BEGINNERS", "ENGLISH", "GERMAN", "PARTICLES", "TITLES"]

_BEGINNERS = """
a about above according after all also although always am among an and another any are as ask at back be
because been before between both but by call can check come contact could dear did do does during each either
even every everyone few finally first following for from get give go had has have he hello help her here hers
hi his how however i if in into is it its just keep last later let like long make many may maybe me meanwhile
might more most much must my never next no nobody none not nothing now of off often ok okay on once one
only open or other our out over people perhaps please question read regards said same say second see send she
should since so some something sometimes soon still such take tell than thank thanks that the their them then
there therefore these they thing this those though three through thus to today together tomorrow too two under
unless until unlike up upon us use very was we well were what when where whether which while who whose why
will with within without would write yes yesterday yet you your um uh er hmm oh ah aber alle allerdings als
auch auf aus bei beim bis bitte da dabei dafür damit danach dann daran das dass dein dem den denn der des
deshalb die dies diese dieser dieses doch dort du ein eine einem einen einer es euer für gestern guten hallo
heute hier ich ihr ihre im ist ja jeder jedoch jetzt kann keine leider liebe lieber man mein mit morgen nach
nachdem nein nicht noch nun nur ob oder ohne sehr sein seine seit sie sowie trotz über und uns unser unsere
unter viele vielen vom von vor während wann war warum wegen weil wenn wer werden wie wir wird wo zu zum zur
zwischen au aux avec ce cela ces cette chez dans de donc elle elles en est et il ils je la le les leur mais
merci mon nous ont où par pas pour qui quand que sa ses si son sur un une vous bonjour al como con cuando del
desde el ella ellos esta este hay hola las lo los mi muy para pero por se sin su sus también una y yo gracias
"""
_TITLES = "mr mrs ms miss dr prof sir herr herrn frau hr fr st mme mlle señor señora sr sra dipl ing"
_PARTICLES = "of de da do di del della du des van von vom zu der den the bin ibn al"
_GERMAN = "der die das und ist nicht ein eine mit für auf den dem von zu sich auch wir ich sie wird im"
_ENGLISH = "the and is not a an with for on of to we i they will in that it was are have be at by from"

BEGINNERS = frozenset(_BEGINNERS.split())
"""Of English, German, French and Spanish."""
TITLES = frozenset(_TITLES.split())
PARTICLES = frozenset(_PARTICLES.split())
"""What may stand in small letters inside a name."""
GERMAN = frozenset(_GERMAN.split())
ENGLISH = frozenset(_ENGLISH.split())
