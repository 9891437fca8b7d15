"""The English word lists; wording.py explains the template signs."""

from minibert.recipes.corpus.wording import Language, Wording

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

THINGS = {
    "weather": (
        "the [storm|snow|fog|wind] over {place}",
        "the weather [forecast|warning] for {day}",
        "the [heatwave|cold spell|drought|frost]",
        "the [temperature|humidity|rainfall] in {place}",
        "the [thunder|sunshine|rain] expected on {day}",
    ),
    "sport": (
        "the [football|tennis|basketball] match on {day}",
        "the [goalkeeper|striker|coach] of {place} United",
        "the [marathon|swimming race|championship] in {place}",
        "the [league table|final score|penalty]",
        "the [tournament|referee|stadium] in {place}",
    ),
    "finance": (
        "the [share price|quarterly profit|dividend] of {company}",
        "the [interest rate|exchange rate|inflation figure]",
        "the [stock market|bond market] on {day}",
        "the [bank loan|mortgage|savings account] of {person}",
        "the [investors|shareholders] of {company}",
    ),
    "travel": (
        "the [flight|ferry|night train] to {place}",
        "the [hotel|hostel|campsite] in {place}",
        "the [visa|passport|boarding pass] of {person}",
        "the [luggage|suitcase|backpack] of the tourists",
        "the [sightseeing tour|beach holiday] in {place}",
    ),
    "food": (
        "the [noodle|dumpling|pancake] recipe of {person}",
        "the [restaurant|bakery] in {place}",
        "the [soup|salad|roast chicken] for {day}",
        "the [cheese|olive oil|chocolate] from {place}",
        "the [chef|kitchen|dinner menu]",
    ),
    "health": (
        "the [flu|measles] vaccine",
        "the [doctor|nurse|surgeon] in {place}",
        "the [headache|fever|allergy] of {person}",
        "the [hospital|clinic|pharmacy] in {place}",
        "the [blood test|operation|prescription] on {day}",
    ),
    "technology": (
        "the [laptop|smartphone|printer] from {company}",
        "the software [update|bug|download]",
        "the [database|server|website] of {company}",
        "the [robot|microchip|battery] from {company}",
        "the [password|wireless network|keyboard] of {person}",
    ),
    "music": (
        "the [violin|piano|guitar] concert in {place}",
        "the new [album|song|melody] by {person}",
        "the [choir|orchestra] rehearsal on {day}",
        "the [singer|drummer|composer] from {place}",
        "the [opera|symphony|jazz band] in {place}",
    ),
    "education": (
        "the [exam|lecture|homework] for {day}",
        "the [school|university|kindergarten] in {place}",
        "the [teacher|professor] of {person}",
        "the [scholarship|diploma] for {person}",
        "the [textbook|classroom|timetable] of the pupils",
    ),
    "law": (
        "the [lawsuit|verdict] against {company}",
        "the [judge|lawyer|prosecutor] in {place}",
        "the [trial|court hearing] on {day}",
        "the [tenancy contract|patent dispute|divorce case] of {person}",
        "the [witness|defendant|jury] in {place}",
    ),
}

TRAIN_FACTS = {
    "weather": (
        "The [rain|snow|fog] over {place} should clear by {day}.",
        "A [storm|cold spell|heatwave] will reach {place} on {day}, with [wind|thunder|humidity].",
        "The forecast promises [sunshine|clouds|frost] and a temperature of {number} degrees.",
        "After the drought, {place} finally had some rainfall.",
        "The weather is [sunny|cloudy|rainy], so people in {place} go [outside|indoors].",
    ),
    "sport": (
        "{place} United won the match on {day} after a late penalty.",
        "The coach praised the [goalkeeper|striker] after the final score.",
        "{person} finished the [marathon|swimming race] in place {number}.",
        "The [league|championship] title now depends on the match in {place}.",
        "The referee stopped the [tennis|football|basketball] game in the stadium.",
    ),
    "finance": (
        "Shares of {company} lost {number} percent on the stock market.",
        "The central bank left the interest rate unchanged on {day}.",
        "{company} reported a higher profit and will pay its shareholders a dividend.",
        "Investors in {place} fear inflation and buy bonds.",
        "{person} took out a [loan|mortgage] and closed the savings account.",
    ),
    "travel": (
        "The [flight|ferry] to {place} leaves on {day}, boarding is at gate {number}.",
        "Our hotel in {place} was close to the beach.",
        "{person} forgot the [passport|suitcase] at the airport.",
        "The tourists took a sightseeing tour through {place}.",
        "A night train and a hostel make a cheap holiday.",
    ),
    "food": (
        "The chef in {place} serves [noodles|dumplings|soup] for dinner.",
        "Add some [cheese|olive oil|chocolate] and bake it for {number} minutes.",
        "{person} shared a recipe for [pancakes|salad|roast chicken].",
        "The bakery sells fresh bread until {day}.",
        "The restaurant has a new menu, and the kitchen is delicious.",
    ),
    "health": (
        "The doctor gave {person} a prescription against the [fever|headache|allergy].",
        "The hospital in {place} treats {number} patients with [flu|measles].",
        "A nurse at the clinic offers the vaccine until {day}.",
        "The surgeon said that the operation went well.",
        "{person} went to the pharmacy after the blood test.",
    ),
    "technology": (
        "The update fixes a bug in the software of the [printer|robot|smartphone].",
        "{company} presented a [laptop|microchip|keyboard] with a better battery.",
        "Hackers read the database of {company} and stole every password.",
        "The server was down, and nobody could open the website.",
        "{person} set up the wireless network and started the download.",
    ),
    "music": (
        "The orchestra played a [symphony|concert] in {place} on {day}.",
        "{person} sings in the choir and plays the [piano|violin|guitar].",
        "The composer wrote the melody of this song in {number} days.",
        "The jazz band from {place} recorded an album.",
        "The singer and the drummer missed the rehearsal of the opera.",
    ),
    "education": (
        "The teacher gave the pupils homework for {day}.",
        "{person} passed the exam and received the [diploma|scholarship].",
        "The professor moved the lecture to classroom {number}.",
        "The [school|kindergarten] in {place} has a new timetable.",
        "Students at the university in {place} share one textbook.",
    ),
    "law": (
        "The judge in {place} will announce the verdict on {day}.",
        "{company} faces a lawsuit over a [patent|contract].",
        "The lawyer of {person} questioned the witness in court.",
        "The jury found the defendant guilty after {number} days of trial.",
        "The prosecutor asked for another hearing in the divorce case.",
    ),
}

TEST_FACTS = {
    "weather": (
        "On {day} the wind brought [snow|rain|fog] to {place}.",
        "[Thunder|Frost|Sunshine] is in the forecast for {place}, at {number} degrees.",
        "The humidity rose before the storm.",
    ),
    "sport": (
        "The striker missed the penalty, and {place} United lost the match.",
        "{person} dreams of a tennis championship in the stadium.",
        "The goalkeeper and the coach argued with the referee on {day}.",
    ),
    "finance": (
        "Inflation in {place} pushed the interest rate to {number} percent.",
        "The dividend of {company} pleased the investors.",
        "{person} asked the bank for a mortgage on {day}.",
    ),
    "travel": (
        "{person} lost a suitcase on the ferry to {place}.",
        "At the airport of {place} every tourist had to show a passport.",
        "We booked a hostel for {number} nights before the flight.",
    ),
    "food": (
        "{person} cooked dumplings and soup for {number} guests.",
        "In the kitchen of the bakery it smells of chocolate and bread.",
        "This restaurant in {place} is known for its roast chicken.",
    ),
    "health": (
        "{person} has a fever and will see a doctor on {day}.",
        "The clinic in {place} ran out of vaccine for {number} patients.",
        "After the operation the nurse checked the blood test.",
    ),
    "technology": (
        "The website of {company} asks for a new password every {number} days.",
        "A software bug drained the battery of my laptop.",
        "{person} moved the database to another server on {day}.",
    ),
    "music": (
        "{person} practises the violin for {number} hours before each concert.",
        "The choir sang an old melody in {place}.",
        "On {day} the orchestra and the singer opened the opera.",
    ),
    "education": (
        "{number} pupils failed the exam at the school in {place}.",
        "{person} left the lecture because the textbook was too hard.",
        "The professor of the university explained the homework on {day}.",
    ),
    "law": (
        "The defendant waited {number} weeks for the verdict of the jury.",
        "A court in {place} heard the witness on {day}.",
        "{person} hired a lawyer because {company} broke the contract.",
    ),
}

TITLES = ("Mr", "Mrs", "Ms", "Dr")
TRAIN_FIRST_NAMES = (
    "Alice", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Isabel", "Jack",
    "Karen", "Liam", "Maria", "Nathan", "Olga", "Peter", "Ruth", "Steven", "Teresa", "Walter",
    "Amy", "Carlos", "Diane", "Edgar", "Fiona", "George", "Helen", "Ivan", "Julia", "Kevin",
    "Laura", "Marcus", "Nina", "Oscar", "Paula", "Ralph", "Sarah", "Tomas", "Vera", "William",
)
TRAIN_SURNAMES = (
    "Abbott", "Fowler", "Simmons", "Carter", "Dalton", "Hanson", "Irving", "Jensen", "Keller",
    "Larsen", "Morton", "Nolan", "Parker", "Reed", "Sanders", "Turner", "Underwood", "Walsh",
    "Young", "Bishop", "Cooper", "Drake", "Ellis", "Foster",
)
TRAIN_COMPANIES = (
    "Norvale", "Norcrest", "Norden", "Norton", "Brightlon", "Brightlow", "Brightby", "Quilwater",
    "Quilfield", "Quilware", "Pinevale", "Pinecrest", "Pineden", "Pineton", "Stonelon",
    "Stonelow", "Stoneby", "Marwater", "Marfield", "Marware", "Halvale", "Halcrest", "Halden",
    "Halton", "Lumenlon", "Lumenlow", "Lumenby", "Silwater", "Silfield", "Silware", "Oakvale",
    "Oakcrest", "Oakden", "Oakton",
)
TEST_FIRST_NAMES = (
    "Anna", "Bernard", "Carol", "Daniel", "Ellen", "Martin", "Nora", "Oliver", "Rosa", "Simon",
    "Tess", "Victor", "Leonard", "Monica",
)
TEST_SURNAMES = (
    "Barlow", "Winter", "Harmon", "Dale", "Sutton", "Palmer", "Manning", "Cole",
)
TEST_COMPANIES = (
    "Redmore", "Redgate", "Redmere", "Winley", "Winwick", "Solmore", "Solgate", "Solmere",
    "Vanley", "Vanwick", "Cormore", "Corgate", "Cormere",
)

TRAIN = Wording(
    names={
        "person": TRAIN_FIRST_NAMES + tuple(f"{t} {s}" for t in TITLES for s in TRAIN_SURNAMES),
        "place": (
            "Leeds", "Boston", "Dublin", "Toronto", "Geneva", "Oslo", "Lisbon", "Denver",
            "Cardiff", "Athens", "Sydney", "Vienna", "Nairobi", "Madrid", "Portland", "Hamburg",
            "Milan", "Santiago", "Berlin", "Warsaw", "Manchester", "Lima", "Cairo", "Seoul",
            "Austin", "Rome", "Bergen", "Lyon", "Malaga", "Tampa", "Durban", "Perth", "Cork",
            "Leipzig", "Florence", "Riga", "Quito", "Bath",
        ),
        "company": TRAIN_COMPANIES,
    },
    facts=TRAIN_FACTS,
    topic_first=(
        "[This note is|I am writing|{person} asked|My question is|The news today is] about {A}, not about {B}.",
        "[This note is|I am writing|{person} asked|My question is|The news today is] about {A} rather than {B}.",
        "[We need to discuss|Please send me news of|I would like to hear about|Let us talk about|{person} wants to see] {A} instead of {B}.",
        "[We need to discuss|Please send me news of|I would like to hear about|Let us talk about|{person} wants to see] {A} and not {B}.",
        "[We need to discuss|Please send me news of|I would like to hear about|Let us talk about|{person} wants to see] {A}, so never mind {B}.",
        "[This note is|I am writing|{person} asked|My question is|The news today is] about {A}, so forget {B}.",
        "[We need to discuss|Please send me news of|I would like to hear about|Let us talk about|{person} wants to see] {A}; {B} can wait.",
    ),
    topic_second=(
        "[This note is|I am writing|{person} asked|My question is|The news today is] not about {B} but about {A}.",
        "Rather than {B}, [we need to discuss|please send me news of|I would like to hear about|let us talk about|{person} wants to see] {A}.",
        "Instead of {B}, [we need to discuss|please send me news of|I would like to hear about|let us talk about|{person} wants to see] {A}.",
        "Forget {B}; [this note is|I am writing|{person} asked|my question is|the news today is] about {A}.",
        "Never mind {B}, [this note is|I am writing|{person} asked|my question is|the news today is] about {A}.",
        "Not {B} but {A} is what [we need to discuss|I would like to hear about|{person} wants to see].",
    ),
    quotes=(
        ("Forwarded message from {person}:", "End of the forwarded message."),
        ("{person} wrote on {day}:", "So much for that letter."),
        ("Below is the old message.", "The old message ends here."),
    ),
    greetings=(
        "Hi {person},", "Dear all,", "Good morning,", "Dear editors,", "Hello {person},",
        "To the office in {place}:",
    ),
    closings=(
        "Best wishes, {person}", "Thanks, {person}", "Yours, {person}", "See you on {day}.",
        "Many thanks in advance.",
    ),
    fillers=(
        "Please answer before {day}.",
        "I will be back at my desk on {day}.",
        "Sorry for the late reply.",
        "{person} knows more, so feel free to ask.",
        "It has been a long week.",
        "Two lines from you would be enough.",
        "I have told {person} the same.",
        "There is no hurry, {day} is early enough.",
    ),
)

TEST = Wording(
    names={
        "person": TEST_FIRST_NAMES + tuple(f"{t} {s}" for t in TITLES for s in TEST_SURNAMES),
        "place": (
            "Bristol", "Chester", "Marseille", "Dallas", "Helsinki", "Porto", "Seattle",
            "Geelong", "Melbourne", "Verona", "Salamanca", "Bern",
        ),
        "company": TEST_COMPANIES,
    },
    facts=TEST_FACTS,
    topic_first=(
        "[Our letter is|I have a question|{person} wrote to me] about {A}, not about {B}.",
        "[I would like to discuss|Please write about|{person} needs to hear about] {A} instead of {B}.",
        "The question of {person} was about {A} rather than {B}.",
        "I am asking you about {A}, so never mind {B}.",
        "Send us the news about {A} and forget {B}.",
        "Today let us discuss {A}; {B} can wait.",
    ),
    topic_second=(
        "[Our letter is|I have a question|{person} wrote to me] not about {B} but about {A}.",
        "Instead of {B}, [I would like to discuss|please write about|{person} needs to hear about] {A}.",
        "Rather than {B}, the question of {person} was about {A}.",
        "Never mind {B}, I am asking you about {A}.",
        "Forget {B} and send us the news about {A}.",
        "Today let us discuss not {B} but {A}.",
    ),
    quotes=(
        ("This is what {person} wrote:", "Here my copy of the message ends."),
        ("The old letter, forwarded by {person}:", "That was the letter."),
    ),
    greetings=("Hello everybody,", "Dear {person},", "Good evening,", "To our readers in {place}:"),
    closings=("Kind regards, {person}", "Until {day}, {person}", "Thank you for your time."),
    fillers=(
        "A short reply by {day} will do.",
        "I have already asked {person}.",
        "My apologies for writing so late.",
        "We can also meet in {place} on {day}.",
        "You know where to find me.",
    ),
)

ENGLISH = Language(space=" ", days=DAYS, things=THINGS, train=TRAIN, test=TEST)
