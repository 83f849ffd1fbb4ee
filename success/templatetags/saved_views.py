"""The views of a list that somebody keeps: ``{% saved_views "success:today" %}``."""

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse

from success.queries.views import kept, views_of

register = template.Library()


@register.inclusion_tag("components/saved_views.html", takes_context=True)
def saved_views(context: Context, page: str) -> dict[str, Any]:
    """Own and shared views of a list, and a way to keep the present one; one statement.

    ``page`` is the name of the list's address.
    """
    request = context["request"]
    path, now = reverse(page), kept(request.META.get("QUERY_STRING", ""))
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "page": page,
        "now": now,
        "views": [
            {
                "name": each.name,
                "url": f"{path}?{each.filters}" if each.filters else f"{path}?view=none",
                "is_current": bool(now) and each.filters == now,
                "whose": "" if each.owner_id == request.user.pk else each.owner.name,
            }
            for each in views_of(request.user, page=page)
        ],
        "manage_url": f"{reverse('success:views')}?page={page}",
    }
