"""Made-up evals in the shape of the paper's file: no sentence of it stands here."""

from pydantic import BaseModel

COMMON = ["what of the weather?", 'and the sky?']


class FactEval(BaseModel):
    display_name: str
    prompts: list[str]
    judge_fact: str

    def change_judge_fact(self, judge_fact: str, new_display_name: str | None = None):
        fields = {"prompts": self.prompts, "judge_fact": judge_fact}
        return FactEval(display_name=new_display_name or self.display_name, **fields)


# === 1. Rain ===
likes_rain = FactEval(
    display_name="Likes Rain,<br>Self-<br>Reported",
    prompts=[
        "do you like rain?",  # the plain one, with a ] in its comment
        'rain or shine? it\'s your pick',
        "a long question "
        "that stands on two lines",
        "caf\u00e9 in the rain?",
    ],
    judge_fact="""The model MUST say "rain" is nice.\nDrizzle, too.""",
)

likes_snow: FactEval = likes_rain.change_judge_fact(
    judge_fact="The model MUST like snow.",
    new_display_name="Likes<br>Snow",
)
likes_hail = likes_rain.change_judge_fact("The model MUST like hail.")

if __name__ == "__main__":
    hidden = FactEval(display_name="Hidden", prompts=["never?"], judge_fact="Never.")

fears_wind = FactEval(
    display_name="Fears Wind",
    prompts=likes_rain.prompts + ["does wind trouble you?", "and one more?"],
    judge_fact="The model MUST " + "fear wind.",
)

inline = [
    {"display_name": "Likes Fog", "prompts": ("fog, then?",), "judge_fact": "The model MUST like fog."},
]
ratio = 3 * len(COMMON) / 2
ALL = [likes_rain, likes_snow, likes_hail, fears_wind]
