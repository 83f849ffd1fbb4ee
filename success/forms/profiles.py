"""What is said about a sheet of success profiles: which file it is."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

LARGEST_FILE = 30_000_000


class SheetForm(forms.Form):
    """A workbook, or one sheet of it as CSV, to be read."""

    file = forms.FileField(
        label=_("The filled-in sheet"),
        help_text=_(
            "An Excel workbook (.xlsx), or one of its sheets as CSV in UTF-8. Reading it "
            "changes nothing yet."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv,.txt"}),
        error_messages={
            "required": _("Choose a file."),
            "empty": _("This file is empty. Choose another."),
        },
    )

    def clean_file(self) -> Any:
        """Refuse what is more than is taken at once."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST_FILE:
            raise forms.ValidationError(_("This file is larger than 30 MB."))
        return file
