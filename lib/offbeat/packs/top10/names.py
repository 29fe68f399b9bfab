"""Words that generated titles and people are made of."""

from __future__ import annotations

GENRES = (
    "Drama", "Comedy", "Thriller", "Action", "Romance", "Documentary",
    "Animation", "Crime", "Horror", "Science Fiction", "Family", "Fantasy",
)  # fmt: skip
LANGUAGES = ("en", "es", "ko", "fr", "de", "hi", "ja", "it")
COUNTRIES = {
    "en": "United States of America", "es": "Spain", "ko": "South Korea", "fr": "France",
    "de": "Germany", "hi": "India", "ja": "Japan", "it": "Italy",
}  # fmt: skip
LABELS = ("G", "PG", "PG-13", "R", "TV-14", "TV-MA")
FIRST = (
    "Ada", "Bruno", "Chloé", "Dario", "Elif", "Farid", "Greta", "Hugo", "Inés", "Jonas", "Kaya", "Liam",
    "Mina", "Noor", "Oskar", "Priya", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Vera", "Wei", "Yuki", "Zoë",
)  # fmt: skip
LAST = (
    "Abbott", "Berg", "Castillo", "Duval", "Eriksen", "Fischer", "García", "Hansen", "Ito", "Jansen", "Kowalski",
    "Laurent", "Mbeki", "Novak", "Okafor", "Petrov", "Quiroga", "Rossi", "Schäfer", "Tanaka", "Ueda", "Varga",
    "Weber", "Yilmaz", "Zhang",
)  # fmt: skip
ADJECTIVES = (
    "Silent", "Golden", "Broken", "Hidden", "Last", "Crimson", "Endless", "Frozen", "Honest", "Little", "Lost",
    "Midnight", "Paper", "Quiet", "Restless", "Salt", "Second", "Stolen", "Violet", "Wild", "Burning", "Hollow",
    "Distant", "Electric", "Secret", "Café", "Bitter", "Lucky", "Northern", "Velvet",
)  # fmt: skip
NOUNS = (
    "River", "Garden", "Promise", "Letters", "Harbor", "Kingdom", "Mirror", "Summer", "Witness", "Road", "Shadow",
    "Orchard", "Signal", "Island", "Season", "Storm", "Daughter", "Inheritance", "Circus", "Lighthouse", "Winter",
    "Station", "Machine", "Hotel", "Border", "Melody", "Crown", "Heist", "Forest", "Tide", "Señora", "Orbit",
)  # fmt: skip
COMPANIES = tuple(f"{word} Pictures" for word in (*ADJECTIVES[:12], *NOUNS[:18]))
