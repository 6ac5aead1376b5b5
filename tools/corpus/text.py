"""What the synthetic voices say: answers of people, announcements of machines."""

ONE_WORD = (
    "hello?", "hello", "yes?", "yes", "hi", "hi?", "hello there", "yeah?", "speaking", "Miller", "Johnson", "good morning",
    "who is it?", "yep", "hola", "allo?", "pronto", "ja bitte", "smith", "hey",
)
TWO_WORDS = (
    "hello, yes?", "yes, hello", "Peter Miller", "hello, hello?", "hi, hello", "good afternoon", "Anna Kowalski", "John here",
    "hello, who is this?", "yes, speaking", "Mary speaking", "Carter residence", "good evening", "hello, hi there",
)
SENTENCES = (
    "hello, this is John speaking", "hello, Anna Miller here", "hi, this is Bob, who is calling?", "yes hello, who is there please?",
    "hello, you have reached Susan", "good morning, this is Carol", "hello, this is the Parker family", "hi, it's me, go ahead",
    "hello, can you hear me?", "yes, this is David, how are you?", "hello, sorry, I was in the garden", "hi there, what can I do for you?",
    "Brown, hello, who is speaking?", "hello, I am driving, who is it?", "good evening, Thompson speaking", "yes? This is Linda.",
    "hello, Tom's phone, Alice speaking", "I was just about to call you", "oh hi, is that you already?", "one second please, yes hello?",
)
BUSINESS = (
    "Good morning, Miller and Sons, this is Carol speaking.", "Thank you for calling Northern Travel, how may I help you?",
    "Doctor Walker's office, Susan speaking, good afternoon.", "Parker Logistics, my name is Tom, what can I do for you?",
    "Good afternoon, Riverside Dental Practice, Jenny speaking.", "City library, information desk, how can I help?",
    "Hello and welcome to Green Gardens, Peter speaking.", "Accounts department, this is Angela Brown, good morning.",
    "Service desk, you are speaking with Michael, how can I help you?", "Pizza Napoli, good evening, may I take your order?",
    "Good morning, Hotel Central, reception, Laura speaking.", "Law office of Baker and White, Mister Baker's line.",
    "Happy Pets veterinary clinic, this is Diana, can you hold?", "Auto repair Jackson, good day, Jackson speaking.",
    "Thanks for calling Blue Sky Insurance, this is Kevin.", "Main street pharmacy, good morning, how can I help you today?",
    "Human resources, Olivia Martin speaking, how may I direct your call?", "Fresh Flowers and more, Emily here, what can I do for you?",
)
GREETINGS = (
    "Hello, you have reached John Miller. I can't come to the phone right now. Please leave a message after the tone.",
    "Hi, this is Anna. I'm not available at the moment. Leave your name and number, and I will call you back as soon as I can.",
    "The person you are calling is not available. Please record your message after the tone. When you are finished, hang up.",
    "You have reached the voice mailbox of five five five, one two three four. Please leave a message after the beep.",
    "We are sorry, nobody is available to take your call. At the tone, please record your message.",
    "Thank you for calling Northern Travel. Our office is closed. Our business hours are nine to five, Monday to Friday.",
    "Hi, it's Bob. You know what to do. Wait for the beep. Thanks for calling, and have a great day.",
    "The mailbox is full and can not accept any messages at this time. Goodbye. Please try your call again later.",
    "The number you have dialled has been changed. Please check the number and dial again. This is a recording.",
    "Your call is important to us. All our agents are busy. Please hold the line. Your call will be answered in the order received.",
    "Welcome to Blue Sky Insurance. For claims, press one. For new contracts, press two. For all other questions, press zero.",
    "Hello. The person you are calling is using a screening service. Please state your name and the reason for your call.",
    "Hi. If you record your name and reason for calling, I'll see if this person is available.",
    "This is the automatic answering service of Parker Logistics. If you know your party's extension, please dial it now.",
    "The subscriber you have called can not be reached at this moment. Please try again later. Thank you.",
    "Sorry we missed your call. Please leave a detailed message with your name and number, and we will return your call.",
    "You have reached the Thompson family. We are out at the moment. Please speak slowly after the signal.",
    "Hey, Mike here. I am either on the phone or away from my desk. Send me a text, or leave a message.",
    "Your call has been forwarded to an automated voice messaging system. At the tone, please record your message.",
    "Good day. You have called the practice of Doctor Walker. We are on holiday until the end of the month. In urgent cases, call the hospital.",
    "Please enjoy the music while your party is reached. Connecting you now. Please stay on the line.",
    "The wireless customer you are calling is not available. Please try again later. Announcement four, switch nine.",
    "I'm on another call right now. Please leave a short message and I'll get back to you. Bye bye.",
    "Welcome. For English, press one. Para espanol, marque el dos. To repeat this menu, press star.",
)
