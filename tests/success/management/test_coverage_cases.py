from success.management.commands.coverage_cases import END, PAGE, START, worked


def test_the_cases_in_the_page_are_those_the_engines_work_out():
    text = PAGE.read_text(encoding="utf-8")

    assert text.split(START)[1].split(END)[0] == worked()


def test_the_cases_say_what_their_source_says():
    said = worked()

    for words in (
        "**3.00**", "**0.24**", "a team load of **1.62**", "**2.48** more people",
        "**1.62** times the leverage", "**40%**", "**61%**", "52.5%, or by 21 points of dues",
        "| 98% | 15% | **13%** of opening dues", "| 105% | 15% | **20%** of opening dues",
        "53.8% more",
    ):  # fmt: skip
        assert words in said
