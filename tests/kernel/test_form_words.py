from django import forms


class Minutes(forms.Form):
    minutes = forms.IntegerField(min_value=5, max_value=60)
    how = forms.ChoiceField(choices=[("call", "Call")])
    why = forms.CharField(required=True, error_messages={"required": "Say why."})


def test_refused_field_says_what_to_write():
    said = Minutes({"minutes": "4"}).errors

    assert said == {
        "minutes": ["Write 5 or more."],
        "how": ["Choose one."],
        "why": ["Say why."],
    }
    assert Minutes({"minutes": "61", "how": "call"}).errors["minutes"] == ["Write 60 or less."]
    assert Minutes({"how": "call"}).errors["minutes"] == ["Fill this in."]
