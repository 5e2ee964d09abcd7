"""Words that people answer with to opt out, to come back and to ask for help, by language.

A word counts where it is the whole text. "Sure" ones mean nothing else; "doubtful" ones are ordinary answers too
("cancel", "yes"), so they count only where a workspace says that it asks no such questions. Written as
consent.words reads texts: small letters, no accents, no punctuation.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    sure: tuple[str, ...]
    doubtful: tuple[str, ...] = ()


STOP: dict[str, Words] = {
    "en": Words(
        ("stop", "stopall", "stop all", "unsubscribe", "optout", "opt out", "revoke"),
        ("cancel", "end", "quit", "remove"),
    ),
    "de": Words(("stop", "stopp", "abmelden", "abbestellen"), ("ende",)),
    "fr": Words(("stop", "arret", "arrete", "arreter", "desabonner", "desinscrire"), ("td",)),
    "es": Words(("stop", "alto", "parar", "baja"), ("cancelar",)),
    "it": Words(("stop", "disiscrivi", "disiscrivimi"), ("annulla", "basta")),
    "nl": Words(("stop", "afmelden", "uitschrijven"), ("einde",)),
    "pt": Words(("stop", "parar", "pare", "sair"), ("cancelar",)),
}
START: dict[str, Words] = {
    "en": Words(("start", "unstop", "subscribe", "optin", "opt in"), ("yes",)),
    "de": Words(("start", "anmelden"), ("ja",)),
    "fr": Words(("start", "debut", "reprendre"), ("oui",)),
    "es": Words(("start", "inicio"), ("si",)),
    "it": Words(("start", "inizia"), ("si",)),
    "nl": Words(("start", "aanmelden"), ("ja",)),
    "pt": Words(("start", "iniciar"), ("sim",)),
}
HELP: dict[str, Words] = {
    "en": Words(("help", "info")),
    "de": Words(("hilfe", "info")),
    "fr": Words(("aide", "info")),
    "es": Words(("ayuda", "info")),
    "it": Words(("aiuto", "info")),
    "nl": Words(("hulp", "info")),
    "pt": Words(("ajuda", "info")),
}
LANGUAGES = tuple(STOP)

#: Words that tell of opting out also within a short text: "Stop please", "unsubscribe me".
TELLING: dict[str, tuple[str, ...]] = {
    "en": ("stop", "stopall", "unsubscribe", "optout"),
    "de": ("stop", "stopp", "abmelden", "abbestellen"),
    "fr": ("stop", "arretez", "desabonner", "desabonnez", "desinscrire", "desinscrivez"),
    "es": ("stop", "desuscribir"),
    "it": ("stop", "disiscrivere", "disiscrivimi", "cancellatemi"),
    "nl": ("stop", "afmelden", "uitschrijven"),
    "pt": ("stop", "descadastrar"),
}
#: Regular expressions of phrases that ask for no more texts.
PHRASES: dict[str, tuple[str, ...]] = {
    "en": (
        r"(stop|quit) (texting|messaging|contacting|sending|writing|spamming|bothering)",
        r"(do ?n ?t|do not|never) (text|message|contact|write|send)",
        r"no more (texts?|messages?|sms)",
        r"(take|remove) me (off|from)",
        r"opt (me )?out",
        r"leave me alone",
    ),
    "de": (
        r"keine (weiteren )?(sms|nachrichten?|werbung|texte)( mehr)?",
        r"nicht mehr (schreiben|kontaktieren|anschreiben|senden|schicken)",
        r"(hoeren|horen|hort|hoert) (sie )?auf",
        r"lass(t|en sie)? mich in ruhe",
        r"(meldet|melden sie) mich ab",
    ),
    "fr": (
        r"(ne |n )?(m |me )?(ecrivez|envoyez|contactez) plus",
        r"plus de (sms|messages?|textos?)",
        r"laissez moi tranquille",
    ),
    "es": (
        r"no (me |mas )?(escrib|envi|mand|contact)\w*",
        r"no mas (sms|mensajes?)",
        r"(dar|dad|den)(me)? de baja",
        r"dejen? de (escribir|enviar|mandar)\w*",
    ),
    "it": (
        r"non (mi )?(scriv|mand|invi|contatt)\w*",
        r"basta (sms|messaggi)",
        r"non voglio (piu )?(sms|messaggi)",
    ),
    "nl": (
        r"geen (sms|sms jes|berichten|reclame) meer",
        r"niet meer (sturen|appen|smsen|sms en|berichten)",
        r"stop met (sturen|smsen|sms en|berichten)",
    ),
    "pt": (
        r"nao (me )?(envi|mand|escrev|contat)\w*",
        r"parem? de (enviar|mandar|escrever)",
        r"(sem|chega de) (mais )?mensagens",
    ),
}
#: What has such a word in it and asks for nothing.
NOT_MEANT = (
    r"(bus|train|tram|next|last|first|your|the|a|full|pit|non|no|can ?t|cannot|won ?t|wont|don ?t|never) stops?",
    r"stop (by|over|in|at|and)",
)
#: Words that are one letter from one of the above and something of their own.
OTHER_WORDS = frozenset(
    {"shop", "step", "stoop", "atop", "stow", "star", "stars", "stark", "smart", "stare", "starr", "staat"}
    | {"ward", "art", "tart", "alta", "salto", "caja", "bajo", "parir", "pagar", "barato", "cair", "arrest"}
    | {"top", "stap", "stad", "staart", "care", "mare", "part", "are"}
)
