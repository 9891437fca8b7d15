"""The English word lists; wording.py explains the template signs."""

from minibert.recipes.corpus.wording import Language, Wording

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

THINGS = {
    "weather": (
        "the [storm|snow|fog|wind][ over {place}|]",
        "the weather [forecast|warning][ for {day}|]",
        "the [heatwave|cold spell|drought|frost]",
        "the [temperature|humidity|rainfall][ in {place}|]",
        "the [thunder|sunshine|rain][ on {day}|]",
    ),
    "sport": (
        "the [football|tennis|basketball] match[ on {day}|]",
        "the [goalkeeper|striker|coach][ of {place} United|]",
        "the [marathon|swimming race|championship][ in {place}|]",
        "the [league table|final score|penalty]",
        "the [tournament|referee|stadium][ in {place}|]",
    ),
    "finance": (
        "the [share price|quarterly profit|dividend][ of {company}|]",
        "the [interest rate|exchange rate|inflation figure]",
        "the [stock market|bond market][ on {day}|]",
        "the [bank loan|mortgage|savings account][ of {person}|]",
        "the [investors|shareholders][ of {company}|]",
    ),
    "travel": (
        "the [flight|ferry|night train][ to {place}|]",
        "the [hotel|hostel|campsite][ in {place}|]",
        "the [visa|passport|boarding pass][ of {person}|]",
        "the [luggage|suitcase|backpack][ of the tourists|]",
        "the [sightseeing tour|beach holiday][ in {place}|]",
    ),
    "food": (
        "the [noodle|dumpling|pancake] recipe[ of {person}|]",
        "the [restaurant|bakery][ in {place}|]",
        "the [soup|salad|roast chicken][ for {day}|]",
        "the [cheese|olive oil|chocolate][ from {place}|]",
        "the [chef|kitchen|dinner menu]",
    ),
    "health": (
        "the [flu|measles] vaccine",
        "the [doctor|nurse|surgeon][ in {place}|]",
        "the [headache|fever|allergy][ of {person}|]",
        "the [hospital|clinic|pharmacy][ in {place}|]",
        "the [blood test|operation|prescription][ on {day}|]",
    ),
    "technology": (
        "the [laptop|smartphone|printer][ from {company}|]",
        "the software [update|bug|download]",
        "the [database|server|website][ of {company}|]",
        "the [robot|microchip|battery][ from {company}|]",
        "the [password|wireless network|keyboard][ of {person}|]",
    ),
    "music": (
        "the [violin|piano|guitar] concert[ in {place}|]",
        "the new [album|song|melody][ by {person}|]",
        "the [choir|orchestra] rehearsal[ on {day}|]",
        "the [singer|drummer|composer][ from {place}|]",
        "the [opera|symphony|jazz band][ in {place}|]",
    ),
    "education": (
        "the [exam|lecture|homework][ for {day}|]",
        "the [school|university|kindergarten][ in {place}|]",
        "the [teacher|professor][ of {person}|]",
        "the [scholarship|diploma][ for {person}|]",
        "the [textbook|classroom|timetable][ of the pupils|]",
    ),
    "law": (
        "the [lawsuit|verdict][ against {company}|]",
        "the [judge|lawyer|prosecutor][ in {place}|]",
        "the [trial|court hearing][ on {day}|]",
        "the [tenancy contract|patent dispute|divorce case][ of {person}|]",
        "the [witness|defendant|jury][ in {place}|]",
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
        "On {day} there was [snow|rain|fog] and wind in {place}.",
        "The forecast for {place} is [thunder|frost|sunshine] at {number} degrees.",
        "The storm left {place} with high humidity.",
    ),
    "sport": (
        "After a penalty by the striker, {place} United won the championship.",
        "{person} finished a tennis match in the stadium.",
        "The referee stopped the coach and the goalkeeper on {day}.",
    ),
    "finance": (
        "The interest rate in {place} is higher, and so is inflation.",
        "{company} will pay its investors a dividend of {number} percent.",
        "{person} closed the account and took the mortgage to another bank.",
    ),
    "travel": (
        "{person} left a suitcase on the ferry to {place}.",
        "At the airport in {place} all tourists need a passport.",
        "The hostel is cheap, and the flight leaves in {number} days.",
    ),
    "food": (
        "{person} serves dumplings and soup on {day}.",
        "The bakery in {place} sells bread with chocolate.",
        "The kitchen of this restaurant makes a better roast chicken.",
    ),
    "health": (
        "{person} has a fever and asked for a doctor.",
        "The clinic in {place} gave the vaccine to {number} patients.",
        "After the operation the nurse took a blood test.",
    ),
    "technology": (
        "{company} wants a new password for its website.",
        "A bug in the software stopped the laptop of {person}.",
        "The database moved to another server on {day}.",
    ),
    "music": (
        "{person} plays the violin in the concert on {day}.",
        "The choir in {place} sings an old melody.",
        "The orchestra and the singer missed the opera.",
    ),
    "education": (
        "{number} pupils in {place} passed the exam.",
        "{person} missed the lecture and has no textbook.",
        "The professor of the university gave us homework until {day}.",
    ),
    "law": (
        "The jury will announce the verdict on the defendant in {number} days.",
        "The court in {place} questioned the witness on {day}.",
        "{person} has a lawyer because of the contract with {company}.",
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
    words={
        "person": TRAIN_FIRST_NAMES + tuple(f"{t} {s}" for t in TITLES for s in TRAIN_SURNAMES),
        "place": (
            "Leeds", "Boston", "Dublin", "Toronto", "Geneva", "Oslo", "Lisbon", "Denver",
            "Cardiff", "Athens", "Sydney", "Vienna", "Nairobi", "Madrid", "Portland", "Hamburg",
            "Milan", "Santiago", "Berlin", "Warsaw", "Manchester", "Lima", "Cairo", "Seoul",
            "Austin", "Rome", "Bergen", "Lyon", "Malaga", "Tampa", "Durban", "Perth", "Cork",
            "Leipzig", "Florence", "Riga", "Quito", "Bath",
        ),
        "company": TRAIN_COMPANIES,
        "says": (
            "this note is", "I am writing", "{person} asked", "my question is", "the news today is",
            "our letter is",
        ),
        "asks": (
            "we need to discuss", "please send me news of", "I would like to hear about",
            "let us talk about", "{person} wants to see", "tell us about",
        ),
        "wants": ("we need to discuss", "I would like to hear about", "{person} wants to see"),
    },
    facts=TRAIN_FACTS,
    topic_first=(
        "{says} about {A}, not about {B}.",
        "{says} about {A} rather than {B}.",
        "{says} about {A}, so forget {B}.",
        "{asks} {A} instead of {B}.",
        "{asks} {A} and not {B}.",
        "{asks} {A}, so never mind {B}.",
        "{asks} {A}; {B} can wait.",
        "{person} wants to hear about {A}, not about {B}.",
        "{person} wants to see {A} rather than {B}.",
        "Today {asks} {A}, not {B}.",
        "{says} about {A} instead of {B}.",
        "{asks} {A}; forget {B} for today.",
    ),
    topic_second=(
        "Not {B} but {A} is our subject.",
        "Forget {B}, {says} about {A}.",
        "Never mind {B}, {says} about {A}.",
        "Rather than {B}, {asks} {A}.",
        "Instead of {B}, {asks} {A}.",
        "Not {B} but {A} is what {wants}.",
        "Rather than about {B}, {says} about {A}.",
        "Instead of {B}, today {asks} {A}.",
        "Not {B} but {A} is the news today.",
        "Not {B} but {A} is what {person} asked about.",
        "Forget {B}, {asks} {A}.",
        "Never mind {B}: {asks} {A}.",
        "Rather than {B}, {person} wants to hear about {A}.",
        "Instead of {B}, {person} asked about {A}.",
    ),
    quotes=(
        ("Forwarded message from {person}:", "End of the forwarded message."),
        ("{person} wrote on {day}:", "So much for that letter."),
        ("Below is the old message.", "The old message ends here."),
        ("Here is a copy of what {person} wrote:", "That was the old letter."),
    ),
    greetings=(
        "Hi {person},", "Dear all,", "Good morning,", "Dear editors,", "Hello {person},",
        "To our office in {place}:",
    ),
    closings=(
        "Best wishes, {person}", "Thanks, {person}", "Yours, {person}", "See you on {day}.",
        "Many thanks in advance.", "Thank you and kind regards, {person}",
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
        "Do you know when {person} has time for a short call?",
        "We can meet in {place} as well.",
    ),
)

TEST = Wording(
    words={
        "person": TEST_FIRST_NAMES + tuple(f"{t} {s}" for t in TITLES for s in TEST_SURNAMES),
        "place": (
            "Bristol", "Chester", "Marseille", "Dallas", "Helsinki", "Porto", "Seattle",
            "Geelong", "Melbourne", "Verona", "Salamanca", "Bern",
        ),
        "company": TEST_COMPANIES,
        "says": ("{person} wrote to me", "this letter is", "I have a question"),
        "asks": ("send us the news of", "let us discuss", "tell me about"),
        "wishes": ("would like to talk about", "needs to hear about", "wants us to see"),
    },
    facts=TEST_FACTS,
    topic_first=(
        "Today {says} about {A}, not about {B}.",
        "{person} {wishes} {A} instead of {B}.",
        "{says} about {A} and not about {B}.",
        "{asks} {A} and never mind {B}.",
        "{asks} {A} and forget {B}.",
        "Please {asks} {A}; {B} can wait until {day}.",
    ),
    topic_second=(
        "Not {B} but {A} is the subject today.",
        "Instead of {B}, {person} {wishes} {A}.",
        "Rather than {B}, {person} {wishes} {A}.",
        "Never mind {B} and {asks} {A}.",
        "Forget {B} and {asks} {A}.",
        "Not {B} but {A} is what {person} needs to hear about.",
    ),
    quotes=(
        ("This is the letter of {person}:", "Here the letter ends."),
        ("Here is the old message of {person}, forwarded on {day}:", "That was the message."),
    ),
    greetings=(
        "Hello all,", "Dear {person},", "Good morning from {place},", "To our editors in {place}:",
    ),
    closings=(
        "Regards from {place}, {person}", "Until {day}, {person}", "Thank you for your time.",
    ),
    fillers=(
        "A short answer on {day} is enough.",
        "I will ask {person} as well.",
        "Sorry, this is late.",
        "We can have a long call on {day}.",
        "Feel free to see me at my desk in {place}.",
    ),
)

ENGLISH = Language(space=" ", days=DAYS, things=THINGS, train=TRAIN, test=TEST)
