"""Which texts are acted on, which a person looks at, and which mean nothing."""

import pytest

from smsadmin.consent.words import EVERY_LANGUAGE, Kind, Vocabulary, Why, kind_of, near_miss, plain
from smsadmin.core import keywords

STOPS = [
    *(
        "STOP",
        "stop",
        "Stop.",
        "“stop”",
        "(STOP)",
        "STOP!!!",
        "STOPALL",
        "Stop-all",
        "Unsubscribe",
        "OPT-OUT",
    ),
    *("optout", "revoke", "Stopp", "ABMELDEN", "ARRET", "ARRÊT", "arrêter", "désabonner", "ALTO", "parar"),
    *("BAJA", "sair", "disiscrivi", "Afmelden", "uitschrijven", "ＳＴＯＰ"),
]
SPACED = ["STOP ALL", "opt  out", " \n stop \n", "STOP 🛑", "👍 Stop", "›Stop‹", "ST\u200bOP", "\ufeffstop"]


@pytest.mark.parametrize("text", [*STOPS, *SPACED])
def test_an_exact_word_opts_out_whatever_its_case_accents_and_punctuation(text):
    assert kind_of(text) == Kind.STOP
    assert near_miss(text) is None


@pytest.mark.parametrize("text", ["START", "unstop", "Subscribe!", "début", "INICIO", "anmelden"])
def test_an_exact_word_opts_in(text):
    assert kind_of(text) == Kind.START


@pytest.mark.parametrize("text", ["HELP", "Info?", "Aide", "hilfe", "AYUDA", "ajuda", "aiuto", "hulp"])
def test_an_exact_word_asks_for_help(text):
    assert kind_of(text) == Kind.HELP


@pytest.mark.parametrize(
    "text",
    [
        *(
            "no",
            "No thanks",
            "end",
            "END",
            "the end",
            "Cancel",
            "cancel my appointment",
            "quit",
            "remove",
            "Ende",
        ),
        *(
            "yes",
            "YES",
            "ja",
            "oui",
            "si",
            "td",
            "ok",
            "",
            "   ",
            "🛑",
            "123",
            "stop please",
            "Please stop",
            "stp",
        ),
        *("Don't stop", "See you at the bus stop", "non-stop", "please stop texting me", "unsubscribe me"),
    ],
)
def test_what_is_not_exactly_a_word_never_acts(text):
    assert kind_of(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("stp", Why.TYPO),
        ("sotp", Why.TYPO),
        ("stoo", Why.TYPO),
        ("STOOPPP", Why.TYPO),
        ("S T O P", Why.TYPO),
        ("unsuscribe", Why.TYPO),
        ("abmleden", Why.TYPO),
        ("end", Why.DOUBTFUL),
        ("Cancel", Why.DOUBTFUL),
        ("Ende!", Why.DOUBTFUL),
        ("please stop texting me", Why.PHRASE),
        ("Do not contact me again", Why.PHRASE),
        ("don’t text me", Why.PHRASE),
        ("No more texts!", Why.PHRASE),
        ("take me off your list", Why.PHRASE),
        ("Bitte keine SMS mehr", Why.PHRASE),
        ("Hören Sie auf damit", Why.PHRASE),
        ("Ne m’envoyez plus rien", Why.PHRASE),
        ("No me escriban más", Why.PHRASE),
        ("Non mi scrivete più", Why.PHRASE),
        ("geen berichten meer", Why.PHRASE),
        ("não me mande mais", Why.PHRASE),
        ("Stop please", Why.WITHIN),
        ("STOP STOP", Why.WITHIN),
        ("ok, unsubscribe me", Why.WITHIN),
        ("Stop\n\nSent from my iPhone", Why.WITHIN),
    ],
)
def test_what_may_be_meant_so_is_for_a_person_to_look_at(text, why):
    guess = near_miss(text)
    assert guess
    assert (guess.kind, guess.why) == (Kind.STOP, why)
    assert kind_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "no",
            "ok",
            "shop",
            "step",
            "top",
            "Thanks!",
            "cancel my appointment",
            "The end is near",
            "See you there",
        ),
        *("Which bus stop?", "I'll stop by at five", "Can't stop laughing", "non-stop", "Don't stop", ""),
        *("The train stops at the next stop, then I walk for ten minutes", "Mehr nicht", "help me", "hlep"),
    ],
)
def test_ordinary_answers_are_not_looked_at(text):
    assert near_miss(text) is None


@pytest.mark.parametrize(("text", "kind"), [("strat", Kind.START), ("Yes", Kind.START), ("Oui!", Kind.START)])
def test_coming_back_is_guessed_too(text, kind):
    guess = near_miss(text)
    assert guess
    assert guess.kind == kind


def test_only_the_chosen_languages_count():
    german = Vocabulary(languages=("de",))
    assert (kind_of("abmelden", german), kind_of("arret", german)) == (Kind.STOP, None)
    assert near_miss("take me off your list", german) is None


def test_doubtful_words_count_where_the_workspace_says_so():
    asked = Vocabulary(doubtful=True)
    assert (kind_of("Cancel", asked), kind_of("yes", asked)) == (Kind.STOP, Kind.START)
    assert kind_of("cancel my appointment", asked) is None


def test_own_words_prevail():
    own = Vocabulary(stop=("Raus hier!", "START"), help=("Hä?",))
    assert (kind_of("raus hier", own), kind_of("start", own), kind_of("ha", own)) == (
        Kind.STOP,
        Kind.STOP,
        Kind.HELP,
    )
    assert kind_of("raus hier") is None


@pytest.mark.parametrize("by_language", [keywords.STOP, keywords.START, keywords.HELP])
def test_every_word_is_written_as_texts_are_read(by_language):
    found = [word for words in by_language.values() for word in (*words.sure, *words.doubtful)]
    assert [plain(word) for word in found] == found
    assert set(by_language) == set(keywords.LANGUAGES) == set(EVERY_LANGUAGE.languages)


def test_no_word_means_two_things():
    def sure(by_language):
        return {word for words in by_language.values() for word in words.sure}

    stop, start, help_ = sure(keywords.STOP), sure(keywords.START), sure(keywords.HELP)
    assert stop & start == stop & help_ == start & help_ == set()
