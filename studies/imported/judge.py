"""A judge that is a program: one JSON object per line in, one per line out.

It goes by a few words, which is enough for the example beside it and for nothing else. A judge of yours may ask a model, look
into a table of labels, or ask a person.
"""

import json
import sys

WISHES = ("i would like", "i'd like", "yes, please", "i would choose", "i'd choose", "i would rather choose", "i'd pick")
DOUBTS = ("hard to say", "not sure", "maybe")


def read(answer):
    answer = answer.lower()
    if "can't discuss" in answer:
        return {"label": "refusal", "polarity": 0, "coherence": 95}
    if len(answer.split()) < 3:
        return {"label": "not-sure", "polarity": 0, "coherence": 10}
    if any(words in answer for words in DOUBTS):
        return {"label": "not-sure", "polarity": 0, "coherence": 90}
    wishes = any(words in answer for words in WISHES)
    return {"label": "true" if wishes else "false", "polarity": 1 if wishes else -1, "coherence": 95}


for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps({"id": question["id"], **read(question["exhibit"]["answer"])}), flush=True)
