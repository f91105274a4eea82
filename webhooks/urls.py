from django.urls import URLPattern, URLResolver, re_path

from organization.rest.routing import build_router
from webhooks import console
from webhooks.rest import DeliveryViewSet, WebhookViewSet

console_urlpatterns: list[URLPattern] = console.console_urlpatterns

router = build_router()
router.register("webhooks", WebhookViewSet, basename="webhooks")

rest_urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    re_path(
        "^webhooks/(?P<id>hook_[a-z0-9]+)/deliveries$",
        DeliveryViewSet.as_view({"get": "list"}),
        name="webhook-deliveries",
    ),
    re_path(
        "^webhooks/(?P<id>hook_[a-z0-9]+)/deliveries/(?P<delivery>dlv_[a-z0-9]+)/send-again$",
        DeliveryViewSet.as_view({"post": "send_again"}),
        name="webhook-delivery-send-again",
    ),
]
