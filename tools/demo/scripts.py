"""Who says what in the two sample meetings: (voice number, templates of one turn)."""

Script = tuple[tuple[int, tuple[str, ...]], ...]

MEETING: Script = (
    (0, ("Hello {name}, how are you?", "Let us talk about the {topic} and the {other}.")),
    (1, ("My name is {name} and I live in {place}.",)),
    (2, ("I am calling from {place} {time}.",)),
    (0, ("First we have to discuss the {topic}.", "We need the {topic} by {day}.")),
    (1, ("{name} is working on the {topic} with {partner}.", "I think the {topic} is too {quality}.")),
    (0, ("{name}, can you check the {topic} {time}?",)),
    (1, ("Yes, I will do that {time}.",)),
    (2, ("There is a problem with the {topic}.", "{name} found {number} problems in the {topic}.")),
    (0, ("How long will the {topic} take?",)),
    (2, ("It will take about {number} days.",)),
    (1, ("The {topic} costs {number} hundred euros.", "The {topic} is not {quality} yet.")),
    (0, ("Maybe we should change the {topic}.", "We have to finish the {topic} before {day}.")),
    (2, ("{name} will send the {topic} on {day}.",)),
    (0, ("The next meeting is on {day} at {number} o'clock.", "Let us take a break for {number} minutes.")),
    (1, ("Goodbye and see you {time}.",)),
)
BESPRECHUNG: Script = (
    (0, ("Hello {name}, how are you?", "Let us talk about the {topic} and the {other}.")),
    (1, ("The {topic} is not {quality} yet.", "{name} found {number} problems in the {topic}.")),
    (0, ("{name}, can you check the {topic} {time}?",)),
    (1, ("Yes, I will do that {time}.", "I have {number} questions about the {topic}.")),
    (0, ("How long will the {topic} take?",)),
    (1, ("It will take about {number} days.", "{name} will send the {topic} on {day}.")),
    (
        0,
        (
            "We should not change the {topic} before {day}.",
            "The next meeting is on {day} at {number} o'clock.",
        ),
    ),
    (1, ("Goodbye and see you {time}.",)),
)
